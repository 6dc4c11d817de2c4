#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rule that cannot fail holds nothing: each rule of tidy.py against a small tree that breaks it, and one that does not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import tidy  # noqa: E402

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* What it is for. */\n"
LONG = HEAD + "int f(int x)\n{\n" + "        x++;\n" * 69 + "}\n"

ROW = "| Gateway | `Site` | `demo` | the site |\n"
SETTINGS = "<!-- settings -->\n| a |\n|---|\n" + ROW + "<!-- /settings -->\n"

# rule, what breaks it, part of the complaint
BAD = [
    ("layers", {"daemon/base/a.c": HEAD + '#include "engine/engine.h"\n'}, "daemon/base/a.c:3"),
    ("layers", {"daemon/engine/a.c": HEAD + '#include "store/store.h"\n'}, "store/store.h"),
    ("layers", {"daemon/store/a.c": HEAD + '#include "protocols/codec/codec.h"\n'}, "codec.h"),
    ("layers", {"config/a.c": HEAD + '#include "loop.h"\n'}, "loop.h"),
    ("layers", {"protocols/codec/a.c": HEAD + '#include "engine/engine.h"\n'}, "engine/engine.h"),
    ("layers", {"protocols/mqtt/a.c": HEAD + '#include "engine/engine.h"\n'}, "engine/engine.h"),
    ("layers", {"protocols/mqtt/a.c": HEAD + '#include "protocols/coap/coap.h"\n'}, "protocols/coap/coap.h"),
    ("layers", {"protocols/mqtt/a.c": HEAD + '#include "loop.h"\n'}, "loop.h"),
    ("layers", {"tools/x/a.c": HEAD + '#include "loop.h"\n', "daemon/loop.h": ""}, "loop.h"),
    ("layers", {"lib/a.c": HEAD}, "in no layer"),
    ("exclusive_includes", {"daemon/turn.c": HEAD + "#include <systemd/sd-event.h>\n"}, "loop.h"),
    ("exclusive_includes", {"daemon/turn.c": HEAD + "#include <sqlite3.h>\n"}, "SQLite"),
    ("exclusive_includes", {"tools/x/a.c": HEAD + "#include <sqlite3.h>\n"}, "SQLite"),
    ("exclusive_includes", {"daemon/main.c": HEAD + "#include <mosquitto.h>\n"}, "MQTT"),
    ("exclusive_includes", {"daemon/main.c": HEAD + "#include <coap3/coap.h>\n"}, "CoAP"),
    ("exclusive_includes", {"daemon/main.c": HEAD + "#include <pthread.h>\n"}, "thread"),
    ("citations", {"daemon/engine/a.c": HEAD + "/* NOWHERE.md section 5 */\n"}, "NOWHERE.md"),
    ("foundation_is_libc", {"daemon/engine/a.c": HEAD + "#include <openssl/evp.h>\n"}, "openssl"),
    ("banned_calls", {"daemon/a.c": HEAD + "int f(void)\n{\n        return atoi(s);\n}\n"}, "a.c:5: atoi()"),
    ("banned_calls", {"tests/a.c": HEAD + 'void f(void)\n{\n        sprintf(s, "x");\n}\n'}, "sprintf()"),
    ("banned_calls", {"daemon/a.c": HEAD + "long f(void)\n{\n        return time (NULL);\n}\n"}, "time()"),
    ("banned_calls", {"daemon/a.c": HEAD + "#include <assert.h>\n"}, "assert.h"),
    ("exit_only_in_main", {"daemon/a.c": HEAD + "void f(void)\n{\n        exit(1);\n}\n"}, "a.c:5"),
    ("one_clock", {"daemon/a.c": HEAD + "void f(void)\n{\n        clock_gettime(0, &t);\n}\n"}, "clock_gettime()"),
    ("nothing_unused", {"daemon/a.h": HEAD + "int f(int);\n", "daemon/a.c": HEAD + "int f(int x)\n{\n        return x;\n}\n",
                        "tests/b.c": HEAD + "int g(void)\n{\n        return f(1);\n}\n"}, "a.h: nobody calls f()"),
    ("lengths", {"daemon/a.c": LONG}, "f(): 71 lines"),
    ("lengths", {"daemon/a.h": HEAD + "\n" * 999}, "1001 lines"),
    ("lengths", {"daemon/a.c": HEAD, "tests/tidy/length.txt": "daemon/a.c:f 80\n"}, "take it out"),
    ("lengths", {"daemon/a.c": LONG, "tests/tidy/length.txt": "daemon/a.c:f 80\n"}, "lower"),
    ("licence_line", {"daemon/a.c": "/* What it is for. */\n"}, "a.c"),
    ("licence_line", {"tools/run": "#!/usr/bin/env bash\n"}, "tools/run"),
    ("licence_line", {"daemon/meson.build": "x = 1\n"}, "meson.build"),
    ("head_comment", {"daemon/a.c": HEAD.split("\n")[0] + "\n#include <stdio.h>\nint x;\n"}, "a.c"),
    ("no_trailing_space", {"daemon/a.c": HEAD + "int x; \n"}, "a.c:3"),
    ("no_trailing_space", {"README.md": "# x"}, "no newline"),
    ("no_trailing_space", {"daemon/a.c": HEAD + "\tint x;\n"}, "tab"),
    ("shell_parses", {"tools/run": "#!/bin/bash\nif true; then\n"}, "tools/run"),
    ("top_level", {"notes.txt": "x\n"}, "notes.txt"),
    ("top_level", {"daemon/a.c": HEAD}, "README.md is missing"),
    ("settings_in_the_example", {"config/huyingd.conf": "[Gateway]\n"}, "lacks a line '#Site=demo'"),
    ("settings_in_the_example", {"config/huyingd.conf": "[Gateway]\n#Site=x\n"}, "default is 'demo'"),
    ("settings_in_the_example", {"config/huyingd.conf": "[Gateway]\n#Site=demo\n#Sight=1\n"}, "no such setting"),
    ("settings_in_the_readme", {"README.md": "`Site`\n"}, "<!-- settings -->"),
    ("settings_in_the_readme", {"README.md": SETTINGS.replace("the site", "a site")}, "lacks the row: | Gateway"),
    ("settings_in_the_readme", {"README.md": SETTINGS.replace("<!-- /", ROW.replace("Site", "Sight") + "<!-- /")},
     "no such setting"),
    ("readme_tells_what_is_there", {"README.md": "`test_x`, `test_y`\n", "tests/a.py": "def test_y():\n"}, "test_x()"),
    ("readme_tells_what_is_there", {"config/README.md": "see `config/x.conf`\n"}, "config/x.conf"),
    ("readme_tells_what_is_there", {"README.md": "[x](config/gone)\n"}, "config/gone"),
]

GOOD = {
    "daemon/base/a.c": HEAD + '#include "base/a.h"\n#include <time.h>\nint f(int x)\n{\n' + "        x++;\n" * 68 + "}\n",
    "daemon/base/a.h": HEAD + "#pragma once\n",
    "daemon/loop.c": HEAD + '#include <systemd/sd-event.h>\n#include "loop.h"\n',
    "daemon/loop.h": HEAD,
    "daemon/engine/b.c": HEAD + '#include "base/a.h"\n#include "engine/c.h"\n/* time() and exit() are words here */\n',
    "daemon/store/s.c": HEAD + "#include <sqlite3.h>\n#include <pthread.h>\n",
    "protocols/mqtt/m.c": HEAD + '#include "m.h"\n#include "protocols/port.h"\n#include <mosquitto.h>\n',
    "protocols/mqtt/m.h": HEAD,
    "daemon/main.c": HEAD + 'int main(void)\n{\n        t->time(0);\n        puts("atoi(x)");\n        exit(run_time());\n}\n',
    "config/huyingd.conf": "[Gateway]\n#Site=demo\n",
    "README.md": SETTINGS + "`test_x` [c](config/huyingd.conf)\n",
    "tests/a.py": "# SPDX-License-Identifier: Apache-2.0\ndef test_x():\n",
    "tools/run": "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\ntrue\n",
    "meson.build": "# SPDX-License-Identifier: Apache-2.0\n",
    "LICENSE": "x\n", "systemd/x": "x\n",
}

PURE = "int f(const char *a) { return __builtin_strlen(a) > 3; }\n"
IMPURE = "int puts(const char *); int f(const char *a) { return puts(a); }\n"


def complaints(folder, name, tree):
    root = Path(folder)
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    settings = root / ".settings"
    settings.write_text("#!/bin/sh\nprintf 'Gateway\\tSite\\tdemo\\tthe site\\n'\n")
    settings.chmod(0o755)
    tidy.ROOT = root
    tidy.TEXTS = {}
    tidy.FILES = list(tidy.walk())
    tidy.arguments.settings = str(settings)
    return next(r for r in tidy.rules if r.__name__ == name)()


def purity(folder, source):
    """What the rule says of an archive of this source."""
    archives = []
    for name, code in (("engine", source), ("base", "void assert_fail(void) {}\n")):
        path = Path(folder) / name
        path.with_suffix(".c").write_text(code)
        subprocess.run([*os.environ.get("CC", "cc").split(), "-O0", "-fno-builtin", "-c", f"{path}.c", "-o", f"{path}.o"],
                       check=True)
        subprocess.run(["ar", "rcs", f"{path}.a", f"{path}.o"], check=True)
        archives.append(f"{path}.a")
    tidy.arguments.engine, tidy.arguments.base = archives
    return tidy.engine_is_pure()


def cases():
    for name, tree, want in BAD:
        yield f"{name} finds {want}", lambda f, n=name, t=tree, w=want: any(w in c for c in complaints(f, n, t))
    for check in tidy.rules:
        if check is not tidy.engine_is_pure:
            yield f"{check.__name__} accepts what is right", \
                lambda f, n=check.__name__: complaints(f, n, GOOD) == []
    yield "engine_is_pure finds puts()", lambda f: any("puts" in c for c in purity(f, IMPURE))
    yield "engine_is_pure accepts strlen()", lambda f: purity(f, PURE) == []
    yield "every rule has a tree that breaks it", \
        lambda f: {r.__name__ for r in tidy.rules} == {name for name, _, _ in BAD} | {"engine_is_pure"}


def main():
    every = list(cases())
    failed = 0
    print(f"1..{len(every)}")
    for number, (name, check) in enumerate(every, 1):
        with tempfile.TemporaryDirectory(prefix="hy-") as folder:
            good = check(folder)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
