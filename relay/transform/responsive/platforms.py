"""The platforms that people follow a sender on, or share with others: names, colours, addresses.

Why so: no pictures of ours are anywhere on the web, and a mail must not lean on a stranger's. An icon is a coloured
badge with a sign in it, which shows where pictures are off; a sender who has pictures says where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from relay.transform.responsive.placeholders import masked, to_query

_GREY = "#555555"


@dataclass(frozen=True, slots=True)
class Platform:
    label: str
    sign: str  # in its badge
    color: str
    profile: str = ""  # where `*` stands for the name of a user


# Names as documents have them; those with a number are other icons of the same platform.
_NAMES = """addthis amazon android aol apple appstore ask badoo bebo behance bing blogger chrome delicious deviantart
digg diigo dribbble drive dropbox drupal envato etsy evernote facebook fav feed feedburner fiverr flickr formspring
forrst friendfeed getpocket github2 google google2 googleplus hi5 html5 icq imdb instagram lastfm linkedin
livejournal mail messenger metacafe msn myspace1 myspace2 newsvine overflow paypal photobucket picasa pinterest quora
reddit share skype snapchat soundcloud squidoo steam store stumbleupon techcrunch technorati tripadvisor tumblr
twitter twitter2 viber vimeo whatsapp wikipedia windows windows8 wordpress xbox xing yahoo yelp youtube youtube2 zoosk
zootool zynga bluesky discord github mastodon signal telegram threads tiktok twitch x"""
_KNOWN = {
    "amazon": Platform("Amazon", "a", "#ff9900"),
    "behance": Platform("Behance", "Be", "#1769ff"),
    "bluesky": Platform("Bluesky", "b", "#0085ff"),
    "discord": Platform("Discord", "D", "#5865f2"),
    "dribbble": Platform("Dribbble", "d", "#ea4c89"),
    "facebook": Platform("Facebook", "f", "#1877f2", "https://www.facebook.com/*"),
    "feed": Platform("RSS", "RSS", "#f26522"),
    "flickr": Platform("Flickr", "fl", "#0063dc"),
    "github": Platform("GitHub", "gh", "#24292f", "https://github.com/*"),
    "googleplus": Platform("Google+", "g+", "#db4437", "https://plus.google.com/+*"),
    "instagram": Platform("Instagram", "ig", "#c13584", "https://www.instagram.com/*"),
    "linkedin": Platform("LinkedIn", "in", "#0a66c2", "https://www.linkedin.com/in/*"),
    "mail": Platform("Mail", "@", "#555555", "mailto:*"),
    "mastodon": Platform("Mastodon", "M", "#6364ff"),
    "pinterest": Platform("Pinterest", "P", "#e60023", "https://www.pinterest.com/*"),
    "quora": Platform("Quora", "Q", "#b92b27"),
    "reddit": Platform("Reddit", "r", "#ff4500", "https://www.reddit.com/user/*"),
    "skype": Platform("Skype", "S", "#00aff0"),
    "snapchat": Platform("Snapchat", "sc", "#333333"),
    "soundcloud": Platform("SoundCloud", "sc", "#ff5500"),
    "telegram": Platform("Telegram", "tg", "#229ed9", "https://t.me/*"),
    "threads": Platform("Threads", "@", "#000000"),
    "tiktok": Platform("TikTok", "tt", "#000000", "https://www.tiktok.com/@*"),
    "tumblr": Platform("Tumblr", "t", "#36465d"),
    "twitch": Platform("Twitch", "tw", "#9146ff", "https://www.twitch.tv/*"),
    "twitter": Platform("Twitter", "t", "#1da1f2", "https://twitter.com/*"),
    "vimeo": Platform("Vimeo", "v", "#1ab7ea", "https://vimeo.com/*"),
    "whatsapp": Platform("WhatsApp", "wa", "#25d366"),
    "wordpress": Platform("WordPress", "W", "#21759b"),
    "x": Platform("X", "X", "#000000", "https://x.com/*"),
    "xing": Platform("Xing", "X", "#006567"),
    "youtube": Platform("YouTube", "&#9654;", "#ff0000", "https://www.youtube.com/@*"),
}


def _platform(name: str) -> Platform:
    plain = name.rstrip("0123456789") if name not in ("hi5", "html5") else name
    return _KNOWN.get(plain) or Platform(plain.capitalize(), plain[:1].upper(), _GREY)


PLATFORMS: Mapping[str, Platform] = {name: _platform(name) for name in _NAMES.split()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is shared."""

    url: str
    title: str = ""
    description: str = ""
    app: str = ""  # Facebook's number of an application
    back: str = ""  # where Facebook sends people afterwards
    hashtags: tuple[str, ...] = ()
    via: str = ""  # a user of Twitter


def _query(base: str, **values: str) -> str:
    return base + "&".join(f"{name}={to_query(value)}" for name, value in values.items() if value)


def _facebook(shared: Shared) -> str:
    if not shared.app:
        return _query("https://www.facebook.com/sharer/sharer.php?", u=shared.url, quote=shared.description)
    base = "https://www.facebook.com/dialog/share?"
    return _query(base, app_id=shared.app, href=shared.url, redirect_uri=shared.back, quote=shared.description)


def _twitter(base: str, shared: Shared) -> str:
    words = shared.description or shared.title
    return _query(base, url=shared.url, text=words, hashtags=",".join(shared.hashtags), via=shared.via.lstrip("@"))


def _named(base: str, url: str, title: str, description: str, shared: Shared) -> str:
    """A page for sharing whose parameters have these names; an empty one has none of it."""
    values = {url: shared.url, title: shared.title, description: shared.description}
    return _query(base, **{name: value for name, value in values.items() if name})


def _told(base: str, name: str, shared: Shared) -> str:
    """One text that has all of it."""
    return _query(base, **{name: " ".join(filter(None, (shared.description or shared.title, shared.url)))})


def _mail(shared: Shared) -> str:
    return _query("mailto:?", subject=shared.title, body=" ".join(filter(None, (shared.description, shared.url))))


_LINKEDIN = "https://www.linkedin.com/shareArticle?mini=true&"
SHARING: Mapping[str, Callable[[Shared], str]] = {
    "facebook": _facebook,
    "twitter": partial(_twitter, "https://twitter.com/intent/tweet?"),
    "x": partial(_twitter, "https://x.com/intent/post?"),
    "linkedin": partial(_named, _LINKEDIN, "url", "title", "summary"),
    "pinterest": partial(_named, "https://www.pinterest.com/pin/create/button/?", "url", "", "description"),
    "reddit": partial(_named, "https://www.reddit.com/submit?", "url", "title", ""),
    "tumblr": partial(_named, "https://www.tumblr.com/widgets/share/tool?", "canonicalUrl", "title", "caption"),
    "xing": partial(_named, "https://www.xing.com/spi/shares/new?", "url", "", ""),
    "telegram": partial(_named, "https://t.me/share/url?", "url", "text", ""),
    "whatsapp": partial(_told, "https://wa.me/?", "text"),
    "bluesky": partial(_told, "https://bsky.app/intent/compose?", "text"),
    "mail": _mail,
}
CLOSED = frozenset({"googleplus"})  # platforms that are no more


def profile(name: str, who: str) -> str:
    """Where somebody is found there: an address as it is, a name put into one; "" where the name says nothing."""
    shown = masked(who, "\x1a")
    if ":" in shown or shown.startswith("\x1a"):
        return who
    pattern = PLATFORMS[name].profile
    return pattern.replace("*", who.lstrip("@+")) if pattern else ""
