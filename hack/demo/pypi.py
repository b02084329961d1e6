"""Fetch one file of a Python package index, checked against a pinned sha256.

Only the standard library is used, and nothing of a package is executed. The
index is the one pip is configured for: PIP_INDEX_URL, `pip config`, or
https://pypi.org/simple. Files are cached by their digest, so a second run
needs no network.
"""

import hashlib
import html.parser
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

DEFAULT_INDEX = "https://pypi.org/simple"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
TIMEOUT_SECONDS = 180


def cache_root():
    """The folder under which everything the demo downloads or builds is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "repoexpert"


def index_url():
    """The package index that pip on this machine would use."""
    configured = os.environ.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
    return (configured or DEFAULT_INDEX).rstrip("/")


def fetch(project, filename, sha256):
    """Return the path of a verified copy of an index file, downloading it once."""
    target = cache_root() / "downloads" / sha256[:16] / filename
    if target.exists() and _digest(target) == sha256:
        return target
    url = _file_url(project, filename)
    print(f"fetching {filename}", file=sys.stderr, flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as partial:
        try:
            with _open(url) as response:
                for block in iter(lambda: response.read(1 << 20), b""):
                    partial.write(block)
            partial.close()
            found = _digest(partial.name)
            if found != sha256:
                raise ValueError(f"{filename}: sha256 is {found}, pinned is {sha256}")
            os.replace(partial.name, target)
        except BaseException:
            os.unlink(partial.name)
            raise
    return target


def _file_url(project, filename):
    """Find a file in the index's page of its project (PEP 691, or PEP 503 HTML)."""
    page = f"{index_url()}/{project}/"
    request = urllib.request.Request(page, headers={"Accept": f"{SIMPLE_JSON}, text/html;q=0.5"})
    with _open(request) as response:
        body = response.read().decode()
        if "json" in response.headers.get_content_type():
            links = {entry["filename"]: entry["url"] for entry in json.loads(body)["files"]}
        else:
            links = _html_links(body)
    if filename not in links:
        raise ValueError(f"{page} does not list {filename}")
    return urllib.parse.urljoin(page, links[filename])


class _Anchors(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs.append(dict(attrs).get("href", ""))


def _html_links(body):
    anchors = _Anchors()
    anchors.feed(body)
    return {urllib.parse.urlparse(href).path.rsplit("/", 1)[-1]: href for href in anchors.hrefs}


def _open(request):
    certificates = os.environ.get("PIP_CERT") or _pip_setting("global.cert")
    context = ssl.create_default_context(cafile=certificates or None)
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context)


def _pip_setting(key):
    """A setting of pip's configuration, or None where there is no pip or no setting."""
    try:
        found = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", key],
            capture_output=True, text=True, check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() or None


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as content:
        for block in iter(lambda: content.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
