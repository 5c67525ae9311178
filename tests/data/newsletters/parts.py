"""What the pages of our newsletters are put together from: buttons as Outlook and others want them, columns, maps."""

from __future__ import annotations

VML = 'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
SETTINGS = (
    "<!--[if gte mso 9]><xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch>"
    "</o:OfficeDocumentSettings></xml><![endif]-->"
)


def round_button(url: str, text: str, colour: str = "#1d6f42") -> str:
    """A rectangle with round corners for Outlook, a link with padding for all others."""
    return f"""<div><!--[if mso]>
  <v:roundrect {VML.split(" xmlns:o")[0]} xmlns:w="urn:schemas-microsoft-com:office:word" href="{url}"
    style="height:44px;v-text-anchor:middle;width:220px;" arcsize="10%" stroke="f" fillcolor="{colour}">
    <w:anchorlock/>
    <center style="color:#ffffff;font-family:sans-serif;font-size:16px;font-weight:bold;">{text}</center>
  </v:roundrect>
<![endif]--><![if !mso]><a href="{url}" target="_blank" style="background-color:{colour};border-radius:4px;
color:#ffffff;display:inline-block;font-family:sans-serif;font-size:16px;font-weight:bold;line-height:44px;
text-align:center;text-decoration:none;width:220px;-webkit-text-size-adjust:none;mso-hide:all;">{text}</a><![endif]></div>"""


def picture_button(url: str, text: str, picture: str) -> str:
    """A rectangle filled with a picture, the other clients' link in a downlevel-revealed comment."""
    return f"""<div><!--[if mso]><v:rect {VML} href='{url}' style='height:60px;v-text-anchor:middle;width:260px;'
stroke='false'><v:fill type='tile' src='{picture}' color='#334455' /><w:anchorlock/>
<center style='color:#ffffff;font-family:Arial;font-size:18px'>{text}</center></v:rect><![endif]--><!--[if !mso]><!-->
<a href='{url}' style='background-image:url({picture});color:#fff;display:inline-block;line-height:60px;
text-align:center;width:260px'>{text}</a>
<!--<![endif]--></div>"""


def padded_button(url: str, text: str) -> str:
    """A cell that is the button, for clients without VML too."""
    return f"""<table border="0" cellspacing="0" cellpadding="0"><tr><td align="center" bgcolor="#b3202a"
style="border-radius:6px"><a href="{url}" style="font-size:17px;font-family:Helvetica,Arial,sans-serif;color:#ffffff;
text-decoration:none;padding:13px 24px;border:1px solid #8c1820;display:inline-block;">{text} &rarr;</a></td></tr>
</table>"""


def bordered_button(url: str, text: str) -> str:
    """A link whose width Outlook makes of letter spacing."""
    return f"""<a href="{url}" style="background:#20435c;border:15px solid #20435c;text-decoration:none;color:#fff;
"><!--[if mso]><i style="letter-spacing:25px;mso-font-width:-100%;mso-text-raise:30pt">&nbsp;</i><![endif]-->
<span style="mso-text-raise:15pt;">{text}</span><!--[if mso]><i style="letter-spacing:25px;mso-font-width:-100%">
&nbsp;</i><![endif]--></a>"""


def background(picture: str, inside: str) -> str:
    """A section with a picture behind it, which Outlook needs VML for."""
    return f"""<td background="{picture}" bgcolor="#7bceeb" width="600" height="120" valign="top">
<!--[if gte mso 9]><v:rect {VML} fill="true" stroke="false" style="width:600px;height:120px;">
<v:fill type="tile" src="{picture}" color="#7bceeb" /><v:textbox inset="0,0,0,0"><![endif]-->
<div>{inside}</div>
<!--[if gte mso 9]></v:textbox></v:rect><![endif]--></td>"""


def columns(*inside: str) -> str:
    """Columns that fall under each other on a phone and are a table for Outlook."""
    width = 600 // len(inside)
    cells = ""
    for number, each in enumerate(inside):
        if number:
            cells += f'<!--[if mso]></td><td width="{width}" valign="top"><![endif]-->\n'
        cells += (
            f'<div class="column" style="display:inline-block;max-width:{width}px;vertical-align:top">{each}</div>\n'
        )
    table = f'<!--[if mso]><table role="presentation" width="600"><tr><td width="{width}" valign="top"><![endif]-->'
    return f"{table}\n{cells}<!--[if mso]></td></tr></table><![endif]-->"


def image_map(name: str, picture: str, areas: list[tuple[str, str, str]]) -> str:
    """A picture whose places lead to different pages: shape, coordinates and URL of each."""
    inside = "\n".join(
        f'  <area shape="{shape}"' + f' coords="{coords}"' * bool(coords) + f' href="{url}" alt="place {n}">'
        for n, (shape, coords, url) in enumerate(areas, 1)
    )
    shown = f'<img src="{picture}" width="600" height="300" alt="" usemap="#{name}" border="0">'
    return f'{shown}\n<map name="{name}">\n{inside}\n</map>'


def page(title: str, body: str, *, head: str = "", doctype: str = "<!DOCTYPE html>", attributes: str = "") -> str:
    return f"""{doctype}
<html lang="en"{attributes}>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=CHARSET">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}</head>
<body style="margin:0;padding:0">
{body}
</body>
</html>
"""
