#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the app's folder together: our files as they are, mqtt.js and uPlot from npm, and a compressed copy of each.

    bundle.py OUT [--node FOLDER]… [--single FILE]

FOLDER holds node_modules with mqtt and uplot; the first that has both counts. Without it OUT stays empty, a line says so, and the
exit code is 0: the gateway needs no app. --single: besides, the whole app in one HTML file, for a place that serves
nothing else (it cannot start without a network, and its scripts stand in the page).
"""

import argparse
import base64
import gzip
import hashlib
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = (".html", ".js", ".css", ".svg", ".png", ".webmanifest")
NPM = {  # what of npm is served: our name, the package's file
    "mqtt.min.js": "mqtt/dist/mqtt.min.js",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
}


def put(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def single(files):
    """index.html with everything in it."""
    page = files["index.html"].decode()
    page = re.sub(r'<link rel="(manifest|apple-touch-icon)"[^>]*>\n', "", page)
    icon = "data:image/svg+xml;base64," + base64.b64encode(files["icon.svg"]).decode()
    page = page.replace('href="icon.svg"', f'href="{icon}"')
    # the charts' library too: there is nothing to fetch it from when the first one is shown
    page = page.replace('<link rel="stylesheet" href="style.css">',
                        '<link rel="stylesheet" href="uplot.min.css">\n<link rel="stylesheet" href="style.css">')
    page = page.replace('<script src="mqtt.min.js" defer></script>',
                        '<script src="mqtt.min.js" defer></script>\n<script src="uplot.min.js" defer></script>')
    page = re.sub(r'<link rel="stylesheet" href="([^"]+)">', lambda m: f"<style>\n{files[m[1]].decode()}</style>", page)
    return re.sub(r'<script src="([^"]+)" defer></script>',
                  lambda m: "<script>\n" + files[m[1]].decode().replace("</script", "<\\/script") + "</script>", page).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--node", type=Path, action="append", default=[])
    parser.add_argument("--single", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = [n / "node_modules" for n in arguments.node if all((n / "node_modules" / p).is_file() for p in NPM.values())]
    if not found:
        print("the workers' app is left out: mqtt.js and uPlot from npm are not there (tools/test gets them)")
        return 0
    files = {p.name: p.read_bytes() for p in sorted(HERE.iterdir()) if p.suffix in OURS}
    # the licence stands in the file; what points to its source map does not come along
    for name, path in NPM.items():
        files[name] = re.sub(rb"\n//# sourceMappingURL=\S+", b"", (found[0] / path).read_bytes())
        for licence in (found[0] / path.split("/")[0]).glob("LICENSE*"):
            files[path.split("/")[0] + "-licence.txt"] = licence.read_bytes()
    version = hashlib.sha256(b"".join(name.encode() + b"\0" + data for name, data in sorted(files.items()))).hexdigest()[:12]
    files["sw.js"] = files["sw.js"].replace(b"const VERSION = 'dev'", b"const VERSION = '" + version.encode() + b"'")
    for name, data in files.items():
        put(arguments.out / name, data)
        put(arguments.out / (name + ".gz"), gzip.compress(data, 9, mtime=0))
    if arguments.single:
        put(arguments.single, single(files))
    for path in arguments.out.iterdir():
        if path.name not in files and path.name.removesuffix(".gz") not in files:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
