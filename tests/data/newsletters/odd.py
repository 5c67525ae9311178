"""Pages that are written in odd ways, as some real ones are."""

from __future__ import annotations

from tests.data.newsletters.parts import padded_button, page

BOOKS = """<HTML><HEAD><META HTTP-EQUIV=Content-Type CONTENT="text/html; charset=CHARSET">
<TITLE>B\u00fccher im Herbst</TITLE></HEAD>
<BODY BGCOLOR=#FFFFFF LINK=#000099><CENTER><FONT FACE=Arial SIZE=5>B\u00fccher im Herbst</FONT></CENTER>
<P><A HREF=http://buch.example/neu/42>\u00dcber den Fluss</A>,
<A HREF=http://buch.example/neu/43?a=1&b=2 TARGET=_blank>Gro\u00dfe Reise</A>
<P><A HREF = 'http://buch.example/mit leer zeichen'>Zwei Sommer</A> und <A NAME=unten>hier unten</A>
<P><A TITLE="mehr > weniger" HREF="http://buch.example/mehr">Mehr</A> <A HREF="#unten">nach unten</A>
<BR><A HREF=http://buch.example/ende/><IMG SRC=http://bild.buch.example/ende.gif BORDER=0 ALT=Ende></A>
<P>Preis: 12\u00a0DM<A HREF="http://buch.example/preis
">Preise</A><A
HREF=
"http://buch.example/neue-zeile">Neue Zeile</A>
</BODY></HTML>
"""

CINEMA = page(
    "\u201cFilms\u201d this week",
    """<p>\u2018Late\u2019 shows \u2013 \u20ac9</p>
<ul>
<li><a href='https://film.example/?id=1&amp;copy=2&amp;lt=3'>One</a>
<li><a href="https://film.example/?id=2&copy=3&reg=4">Two, its ampersands bare</a>
<li><a href="https://film.example/&#63;id&#x3d;3&#38;x=1">Three, in numbers</a>
<li><a href="&#104;ttps://film.example/four">Four, its first letter in a number</a>
<li><a href="https://film.example/caf&eacute;?q=na\u00efve&amp;r=%C3%A9">Five, with accents</a>
<li><a href=" https://film.example/six ">Six, in blanks</a>
<li><a href="https://film.example/&quot;seven&quot;">Seven, in quotes</a>
<li><a href='https://film.example/o&apos;clock'>Eight</a>
<li><a href="//film.example/nine">Nine</a>, <a href="/ten">ten</a>, <a href="">none</a>, <a>no link</a>
<li><a href="javascript:void(0)">Eleven</a> <a href="HTTPS://FILM.EXAMPLE/TWELVE">Twelve</a>
</ul>""",
)

TEMPLATED = """<!DOCTYPE html><html><head>
<!-- BEGIN MODULE: head; {{#if customer}}{{customer.name}}{{/if}} -->
<title>*|MC:SUBJECT|*</title><style>/* {{colour}} */ p{color:#333}</style></head><body>
<!-- START: preheader {% comment %} keep {% endcomment %} -->
<p>Dear *|FNAME|*, {$firstname} %%name%% [[first]] ${who} &lt;% who %&gt;</p>
<a href="https://shop.example/{{ path }}?u={{user_id}}">Shop</a>
<a href="*|ARCHIVE|*">In the browser</a> <a href="{$unsubscribe}">Leave</a> <a href="%unsubscribe_url%">Leave</a>
<a href="https://shop.example/sale">Sale</a><!-- <a href="https://shop.example/off">off</a> -->
<!-- END --><!--[if mso]><a href="https://shop.example/mso">{{mso}}</a><![endif]-->
<script type="application/ld+json">{"@context": "http://schema.org",
"url": "https://shop.example/ld", "x": "<a href='no'>"}</script>
<textarea><a href="https://shop.example/in-a-textarea">no link</a></textarea>
</body></html>
"""

MARKED = page(
    "Links that are not to be tracked",
    """<a clicktracking="off" href="https://bank.example/1">one</a>
<a clicktracking=off href="https://bank.example/2">two</a>
<a href="https://bank.example/3" disable-tracking="true">three</a>
<a href="https://bank.example/4" data-pm-no-track>four</a>
<a mc:disable-tracking href="https://bank.example/5">five</a>
<a data-msys-clicktrack="0" href="https://bank.example/6">six</a>
<a ses:no-track href="https://bank.example/7">seven</a> <a ses:tags="k:v;" href="https://bank.example/8">eight</a>
<a href="https://bank.example/9" data-mt-no-track>nine</a>
<a href="https+notrack://bank.example/10">ten</a>
<a href="https://bank.example/11" data-smtpeter-track='off'>eleven</a>
<a href="https://bank.example/12">https://bank.example/12</a>
<a href="https://bank.example/13">www.bank.example</a>
<a href="https://bank.example/unsubscribe?id=4">Unsubscribe</a>""",
)

BROKEN = """<html><body><p>The end of this <a href="http://odd.example/1">link is missing<p>and of <a href=http://odd.example/2>this
<table><tr><td><a href="http://odd.example/3">three</td></a></tr></table></p></p>
<a href="http://odd.example/4" href="http://odd.example/never">twice</a><a/href="http://odd.example/5"/>five</a>
<a href="http://odd.example/6"class=x>six</a><b><i></b><a href='http://odd.example/7'>seven</i></a><br/></br>
<a href="http://odd.example/8">a < b & c > d</a> <!-> <!--> <a href="http://odd.example/9">nine</a> <!---><a
href="http://odd.example/10">ten</a> <? php ?> </ > <a title='">' href="http://odd.example/11">eleven</a>
</body></html><p>After the end: <a href="http://odd.example/12">twelve</a><a href="http://odd.example/13
"""

FRAGMENT = """<h1>Hello</h1>
<p>There is no html, head or body here, only <a href="https://part.example/1">a link</a> and
<img src="https://img.part.example/1.png" alt="a picture">.</p>
""" + padded_button("https://part.example/2", "Go")

STYLED = page(
    "Styles",
    """<div class="wrap"><p class="note">One</p><p class="note strong" style="color:#000080">Two</p>
<a class="btn" href="https://style.example/1">Press</a> <a class="btn ghost" href="https://style.example/2">Press</a>
<ul><li>a</li><li>b</li><li>c</li></ul><table><tr><td>x</td><td class="num">1</td></tr></table>
<input type="checkbox" id="cb"><label for="cb">more</label><div class="more">More text</div></div>
<!--[if mso]><style>.btn{mso-style-priority:1}</style><p class="note">Outlook</p><![endif]-->""",
    head="""<style media="print">.note{display:none}</style>
<style><!--
@import url("https://style.example/fonts.css");
@font-face{font-family:"Own";src:url(https://style.example/own.woff2)}
.wrap{max-width:640px;margin:0 auto;font:15px/1.4 "Own",sans-serif}
.note{color:#555;margin:4px 0;margin-left:12px;padding:2px!important}
.note.strong{font-weight:bold;padding:3px}
.btn{background:#06c;background-color:rgba(0,102,204,.9);color:#fff;padding:8px 12px;display:inline-block}
.btn:hover,.btn:focus{background-color:#048;color:#ff0}
.btn.ghost{background:transparent;color:#06c}
li:first-child{font-weight:bold} li:nth-child(2n){color:#a00} li::before{content:"\\201C;}"}
td{padding:3px} td.num{text-align:right} .more{display:none} #cb:checked ~ .more{display:block}
[data-ogsc] .note{color:#eee} p[style*="color"]{letter-spacing:1px}
--></style>
<style>@media (max-width:500px){.wrap{max-width:100%}.btn{display:block;padding:14px}.note{margin:0!important}}
@supports (display:grid){.wrap{display:block}} @keyframes in{from{opacity:0}to{opacity:1}}
.strong{animation:in 1s}</style>
""",
)

DARK = page(
    "Dark and light",
    '<table class="card" bgcolor="#ffffff"><tr><td class="t"><p class="t">Text</p>'
    '<a class="t" href="https://dark.example/">Link</a></td></tr></table>',
    head="""<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style>:root{color-scheme:light dark} .card{background:#fff;width:500px} .t{color:#111}
@media (prefers-color-scheme:dark){.card{background:#000!important}.t{color:#eee}}
[data-ogsc] .t{color:#eee!important} [data-ogsb] .card{background:#000!important} u + .body .t{color:#222}</style>
""",
)
