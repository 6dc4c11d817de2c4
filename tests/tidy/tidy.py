#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a machine can hold. One subtest a rule (TAP); a failure says what to do about it.

    tidy.py [--engine libengine.a --base libbase.a] [--settings PROGRAM] [RULE …]

Without the build's files the rules that need them are skipped. A new rule is a function with @rule that returns a
list of complaints; it may only ever get stricter.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = {"meson.build", "README.md", "LICENSE", "daemon", "protocols", "config", "systemd", "tests", "tools"}
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 1000

rules = []
arguments = argparse.Namespace()


class Skip(Exception):
    pass


def rule(function):
    rules.append(function)
    return function


# ---- the tree ----

def walk():
    """Every file of the source tree, as a path from its root; no hidden ones, nothing built, nothing fetched."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("__pycache__", "node_modules")
                            and not (Path(folder) == ROOT and f.startswith("build")))
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith(".pyc"):
                yield (Path(folder) / name).relative_to(ROOT).as_posix()


FILES = list(walk())
TEXTS = {}


def text(path):
    if path not in TEXTS:
        TEXTS[path] = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    return TEXTS[path]


def c_files():
    return [f for f in FILES if f.endswith((".c", ".h"))]


def is_script(path):
    """A shell script, by its name or its first line."""
    if path.endswith((".sh", ".bash")):
        return True
    if "." in Path(path).name:
        return False
    return re.match(r"#!.*\b(ba|da)?sh\b", text(path)[:80]) is not None


def source_files():
    """What people write and a licence covers."""
    kinds = (".c", ".h", ".py", ".js", ".mjs", ".css", ".html", ".awk", ".service", ".socket", ".sysusers", ".tmpfiles")
    for path in FILES:
        name = Path(path).name
        if path.endswith(kinds) or name == "meson.build" or is_script(path) or \
                ("." not in name and text(path).startswith("#!")):
            yield path


def bare(path):
    """C without comments and without the insides of strings; every line keeps its number."""
    key = "bare " + path
    if key not in TEXTS:
        def blank(match):
            found = match.group(0)
            if found.startswith("/"):
                return " " + "\n" * found.count("\n")
            return found[0] + found[0] + "\n" * found.count("\n")
        TEXTS[key] = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text(path),
                            flags=re.S)
    return TEXTS[key]


def includes(path):
    """(line, name, quoted) of each #include."""
    # comments are blanked here, strings are not: an include's name is one
    plain = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text(path), flags=re.S)
    for number, line in enumerate(plain.splitlines(), 1):
        match = re.match(r'\s*#\s*include(?:_next)?\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def functions(path):
    """(line of the body's brace, name, lines of the body with its braces), as clang-format lays functions out."""
    lines = bare(path).splitlines()
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = []
            at = start - 1
            while at >= 0 and lines[at].strip() and not lines[at].startswith(("}", "#")) and \
                    not lines[at].rstrip().endswith(";"):
                head.insert(0, lines[at])
                at -= 1
            match = re.search(r"(\w+)\s*\(", " ".join(head))
            yield start + 1, match.group(1) if match else "?", number - start + 1
            start = None


# ---- layers ----

# The first prefix that fits a file decides. What a layer may include: prefixes of quoted names; its own folder always.
LAYERS = [
    ("daemon/base/", ["base/"]),
    ("daemon/engine/", ["base/", "engine/"]),
    ("daemon/store/", ["base/", "engine/", "store/", "limits.h"]),
    ("config/", ["base/", "engine/", "config/", "limits.h"]),
    ("protocols/codec/", ["base/", "engine/event.h", "engine/effect.h", "engine/roster.h", "protocols/codec/",
                          "limits.h"]),
    ("protocols/port.h", ["base/", "engine/"]),
    ("protocols/", ["base/", "engine/", "protocols/codec/", "protocols/port.h", "config/config.h", "limits.h"]),
    ("daemon/", ["base/", "engine/", "store/", "protocols/", "config/", ""]),
    ("tools/", ["base/", "engine/", "store/", "protocols/", "config/", "control.h", "limits.h", "tools/"]),
    ("tests/", [""]),
]
# The engine's headers are data and its interface: an adapter may know the former only.
ADAPTERS_NEVER = ("engine/engine.h", "engine/incident", "engine/ladder", "engine/vitals", "engine/request",
                  "engine/check")


@rule
def layers():
    """Each layer includes only what lies below it."""
    complaints = []
    for path in c_files():
        layer, allowed = next(((prefix, names) for prefix, names in LAYERS if path.startswith(prefix)), (None, []))
        if layer is None:
            complaints.append(f"{path}: in no layer; the folders that hold C are listed in tests/tidy/tidy.py")
            continue
        own = os.path.dirname(path) + "/"
        for line, name, quoted in includes(path):
            if not quoted:
                continue
            # a quoted name counts from the file's folder, from the root, or from daemon/
            inside = (ROOT / own / name).exists() or (ROOT / name).exists() and name.startswith(own) or \
                (ROOT / "daemon" / name).exists() and ("daemon/" + name).startswith(own)
            if layer in ("daemon/", "protocols/") and own in ("daemon/", "protocols/"):
                inside = inside and "/" not in name
            inside = inside or layer == "tools/" and "/" not in name and not (ROOT / "daemon" / name).exists()
            adapter = layer == "protocols/" and name.startswith(ADAPTERS_NEVER)
            if not inside and (adapter or not any(name.startswith(prefix) for prefix in allowed)):
                complaints.append(f'{path}:{line}: {layer} may not include "{name}"; allowed: '
                                  f"{' '.join(a for a in allowed if a)}. Move the code up, or what it needs down")
    return complaints


def never_writes_a_file(path):
    return any(how in text(path) for how in ("mode=ro", "SQLITE_OPEN_READONLY", '":memory:"'))


@rule
def citations():
    """Every document that a source cites is in the tree."""
    known = {Path(f).name for f in FILES}
    return [f"{path}:{number}: {name} is not in the tree: cite what is, or say the fact's own source"
            for path in c_files() + [f for f in FILES if f.endswith((".scn", ".md"))]
            for number, line in enumerate(text(path).splitlines(), 1)
            for name in re.findall(r"[\w./-]*\b\w[\w-]*\.md\b", line)
            if Path(name).name not in known]


# header → (files that may include it, why)
EXCLUSIVE = [
    (r"systemd/sd-event\.h", lambda p: p == "daemon/loop.c", "only daemon/loop.c knows sd-event: use loop.h"),
    (r"sqlite3\.h", lambda p: p.startswith(("daemon/store/", "tests/")) or p == "protocols/codec/connection.h" or
     p == "tools/bench/subscribe.c" or p.startswith("tools/") and never_writes_a_file(p),
     "only the store (and for JSON codec/connection.h; tools with mode=ro or :memory:; a bench with a file of its "
     "own) uses SQLite: a second writer corrupts"),
    (r"protocols/codec/connection\.h", lambda p: re.fullmatch(r"protocols/codec/(connection|json|query)\.c", p),
     "JSON is read by codec/json.c, and by codec/query.h for whoever has paths of his own"),
    (r"mosquitto\w*\.h", lambda p: p.startswith(("protocols/mqtt/", "tools/huying-sim/", "tools/bench/", "tests/")),
     "only protocols/mqtt speaks MQTT"),
    (r"coap\d?/.*|coap\d?\.h", lambda p: p.startswith(("protocols/coap/", "tools/huying-sim/", "tools/bench/", "tests/")),
     "only protocols/coap speaks CoAP"),
    (r"microhttpd\.h", lambda p: p.startswith("protocols/http/"), "only protocols/http speaks HTTP"),
    (r"curl/curl\.h", lambda p: p.startswith("tools/huying-webhook/"), "only huying-webhook speaks HTTP to others"),
    (r"pthread\.h|threads\.h", lambda p: p.startswith(("daemon/store/", "tests/")),
     "only the store has a thread: put an event into the loop"),
]


@rule
def exclusive_includes():
    """Each library is known to one place only."""
    complaints = []
    for path in c_files():
        for line, name, _ in includes(path):
            for pattern, allowed, why in EXCLUSIVE:
                if re.fullmatch(pattern, name) and not allowed(path):
                    complaints.append(f"{path}:{line}: <{name}>: {why}")
    return complaints


@rule
def foundation_is_libc():
    """daemon/base and daemon/engine include libc alone."""
    foreign = re.compile(r"(systemd|openssl|gnutls|coap\d?|libsmartcols|curl)/|"
                         r"(sqlite3|mosquitto|csv|cbor|zstd|microhttpd|xlsxwriter|cmocka)\w*\.h")
    return [f"{path}:{line}: <{name}>: base and engine stand on libc alone"
            for path in c_files() if path.startswith(("daemon/base/", "daemon/engine/"))
            for line, name, _ in includes(path) if foreign.match(name)]


# ---- purity ----

PURE_LIBC = re.compile(r"(__)?(mem|str)\w+|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|(a?cos|a?sin|a?tan|cbrt|ceil|exp2?|"
                       r"fabs|floor|fmax|fmin|fmod|hypot|ll?rint|ll?round|log|log10|log2|modf|nearbyint|pow|rint|round|"
                       r"sqrt|trunc)f?")
IMPURE_STR = {"strerror", "strerror_r", "strdup", "strndup", "strtok", "strcoll", "strxfrm", "strftime"}
PURE_BASE = re.compile(r"assert_fail|clock_local|(heap|idmap|parse|places|sorted|str)_\w+")


def nm(option, path):
    out = subprocess.run(["nm", option, path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line and not line.endswith(":")}


@rule
def engine_is_pure():
    """libengine.a calls nothing but memory and string functions, mathematics, assertions and base's pure parts."""
    if not arguments.engine or not arguments.base:
        raise Skip("needs --engine and --base")
    defined = nm("--defined-only", arguments.engine)
    base = nm("--defined-only", arguments.base)
    undefined = nm("--undefined-only", arguments.engine) - defined
    if any(name.startswith(("__asan_", "__tsan_", "__msan_", "__sanitizer_cov")) for name in undefined):
        raise Skip("a sanitizer build; the plain one tells")
    complaints = []
    for name in sorted(undefined):
        if name in base and PURE_BASE.fullmatch(name):
            continue
        if PURE_LIBC.fullmatch(name) and name not in IMPURE_STR and name not in base:
            continue
        if name.startswith("__ubsan_") or name.startswith("__gcov_") or name.startswith("__llvm_"):
            continue
        complaints.append(f"libengine.a needs {name}(): the engine has no I/O, no clock, no memory of its own; pass "
                          f"the result in, or return an effect")
    return complaints


# ---- calls ----

BANNED = {
    "strtol strtoul strtoll strtoull strtoimax strtoumax strtod strtof strtold atoi atol atoll atof":
        "use parse_u64() and its like (base/parse.h): strict, no locale, no silent overflow",
    "sprintf vsprintf strcpy strcat stpcpy gets": "use Str or str_copy() (base/str.h)",
    "strtok": "use parse_word() (base/parse.h) or strtok_r()",
    "gmtime localtime ctime asctime": "use clock_local() or clock_format_local() (base/clock.h)",
    "rand srand random srandom": "nothing here may be random; tests have random_next() (tests/lib/unit.h)",
    "time": "use clock_now() (base/clock.h), or the Now that was passed in",
    "sleep": "nothing here may wait; use a timer of the loop",
    "system popen": "use posix_spawn() as protocols/exec does: no shell sees our data",
    "alloca": "use a fixed buffer",
    "assert": "use ASSERT (base/assert.h), which stays on",
}
CLOCKS = "clock_gettime gettimeofday timespec_get adjtimex ntp_adjtime ntp_gettime ntp_gettimex ftime sd_event_now " \
         "localtime_r gmtime_r"


def calls(path, names):
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")
    for number, line in enumerate(bare(path).splitlines(), 1):
        for match in pattern.finditer(line):
            yield number, match.group(1)


@rule
def banned_calls():
    """Calls that the conventions forbid."""
    complaints = []
    for path in c_files():
        for names, remedy in BANNED.items():
            complaints += [f"{path}:{line}: {name}() is banned: {remedy}" for line, name in calls(path, names)]
        complaints += [f"{path}:{line}: <{name}> is banned: use ASSERT (base/assert.h)"
                       for line, name, quoted in includes(path) if not quoted and name == "assert.h"]
    return complaints


@rule
def exit_only_in_main():
    """A function returns its error; only main() ends the program."""
    complaints = []
    for path in c_files():
        spans = [(start, start + n) for start, name, n in functions(path) if name == "main"]
        complaints += [f"{path}:{line}: exit() outside main(): return an error" for line, _ in calls(path, "exit")
                       if not any(first <= line < last for first, last in spans)]
    return complaints


@rule
def one_clock():
    """Only base/clock.c reads a clock, so that time can be passed in everywhere else."""
    return [f"{path}:{line}: {name}(): take a Now, or call clock_now() at the edge (base/clock.h)"
            for path in c_files() if path != "daemon/base/clock.c" and not path.startswith("tests/")
            for line, name in calls(path, CLOCKS)]


# What only tests call, and why it is the program's all the same.
FOR_TESTS = {
    "engine_check": "every invariant, at each step of a test",
    "loop_step": "the loop in steps",
    "log_level_set": "a quiet test",
    "config_read_text": "a configuration without a file",
    "audit_verify": "the chain, without the tool around it",
    "tree_check_inclusion": "the other side of a proof",
    "registry_export_write": "the file in one call",
    "turn_is_clean": "whether anything waits, for the simulator",
    "cport_number": "a port that the system has chosen",
}


@rule
def nothing_unused():
    """Somebody calls what a header offers; a call that was forgotten shows here, too."""
    words = {}
    for path in c_files():
        if not path.startswith("tests/"):
            for word in re.findall(r"\b[a-z_]\w*\b", bare(path)):
                words[word] = words.get(word, 0) + 1
    complaints = []
    for path in c_files():
        if not path.endswith(".h") or path.startswith("tests/"):
            continue
        for match in re.finditer(r"^(?!static|typedef|#|DEFINE_)\w[\w ]*?[ *](\w+)\([^)]*", bare(path), re.M):
            name = match[1]
            if words.get(name, 0) < 3 and name not in FOR_TESTS and name.islower():  # declared, defined, called
                complaints.append(f"{path}: nobody calls {name}(): call it, make it static, or take it out")
    return complaints


# ---- form ----

@rule
def lengths():
    """Functions fit a screen, files a sitting. The list of exceptions (length.txt) only ever shrinks."""
    complaints, lists = [], ROOT / "tests/tidy/length.txt"
    excused, used = {}, set()
    for line in lists.read_text().splitlines() if lists.exists() else []:
        if line.strip() and not line.startswith("#"):
            what, most = line.rsplit(None, 1)
            excused[what] = int(most)

    def hold(what, lines, limit, where):
        if lines <= limit:
            return
        used.add(what)
        most = excused.get(what)
        if most is None:
            complaints.append(f"{where}: {lines} lines, at most {limit}: split it by what it does")
        elif lines > most:
            complaints.append(f"{where}: {lines} lines, it had {most} and may only shrink: split it")
        elif lines < most:
            complaints.append(f"{where}: {lines} lines now; good: lower '{what} {most}' in tests/tidy/length.txt")

    for path in FILES:
        if path.endswith((".c", ".h", ".py", ".js", ".mjs")) or is_script(path):
            hold(path, text(path).count("\n"), FILE_LINES_MAX, path)
    for path in c_files():
        for line, name, lines in functions(path):
            hold(f"{path}:{name}", lines, FUNCTION_LINES_MAX, f"{path}:{line}: {name}()")
    complaints += [f"tests/tidy/length.txt: '{what}' needs no exception any more: take it out"
                   for what in sorted(set(excused) - used)]
    return complaints


@rule
def licence_line():
    """Every source file names its licence."""
    return [f"{path}: no 'SPDX-License-Identifier: Apache-2.0' in its first lines" for path in source_files()
            if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text(path).split("\n")[:4])]


@rule
def head_comment():
    """Every .c file says at its head what it is for; a leaf may leave that to its header."""
    def missing(path):
        header = path[:-2] + ".h"
        return not re.match(r"/\* SPDX[^\n]*\*/\n(\s*#include[^\n]*\n)*\s*/\*", text(path)) and \
            not (header in FILES and re.match(r"/\* SPDX[^\n]*\*/\n#pragma once\n\s*/\*", text(header)))
    return [f"{path}: say in a comment at the head what this file is for (or, of a leaf, in its header)"
            for path in c_files() if path.endswith(".c") and missing(path)]


@rule
def no_trailing_space():
    """No line ends in white space, every text ends with a newline, and tabs indent nothing."""
    kinds = (".c", ".h", ".py", ".sh", ".md", ".build", ".conf", ".scn", ".js", ".mjs", ".css", ".html", ".service",
             ".socket", ".catalog", ".txt")
    complaints = []
    for path in FILES:
        if not path.endswith(kinds) and not is_script(path) or "/corpus/" in path:
            continue
        for number, line in enumerate(text(path).split("\n"), 1):
            if line != line.rstrip():
                complaints.append(f"{path}:{number}: white space at the end of the line: take it off")
            if path.endswith((".c", ".h")) and line.startswith("\t"):
                complaints.append(f"{path}:{number}: indented with a tab: run clang-format")
        if text(path) and not text(path).endswith("\n"):
            complaints.append(f"{path}: no newline at its end")
    return complaints


@rule
def shell_parses():
    """Every shell script passes bash -n."""
    complaints = []
    for path in FILES + [p.relative_to(ROOT).as_posix() for p in (ROOT / ".ci").glob("*")]:
        if not is_script(path):
            continue
        done = subprocess.run(["bash", "-n", str(ROOT / path)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complaints.append(f"{path}: bash -n: {done.stderr.strip()}")
    return complaints


@rule
def top_level():
    """The top of the tree is fixed."""
    if (ROOT / ".git").exists():
        done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "--cached", "--others",
                               "--exclude-standard"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"git: {done.stderr.strip()}")
        names = {line.split("/")[0] for line in done.stdout.splitlines()}
    else:
        names = {p.name for p in ROOT.iterdir() if not p.name.startswith("build") and p.name != "node_modules"}
    names = {name.strip('"') for name in names if not name.startswith(".")}
    return [f"{name} does not belong at the top: find its folder" for name in sorted(names - TOP)] + \
        [f"{name} is missing at the top" for name in sorted(TOP - names)]


# ---- settings ----

def settings_table():
    """(section, key, default, help) of each setting, as the program has them."""
    if not arguments.settings:
        raise Skip("needs --settings PROGRAM, which prints the table")
    if not Path(arguments.settings).exists():
        raise Skip(f"{arguments.settings} is not built")
    out = subprocess.run([arguments.settings], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in out.splitlines()]


@rule
def settings_in_the_example():
    """config/huyingd.conf shows every setting, with its default, and none that is not there."""
    table = settings_table()
    section, shown = "", {}
    for line in text("config/huyingd.conf").splitlines():
        match = re.fullmatch(r"#?\[(\w+)( \S+)?\]", line)
        if match:
            section = match.group(1) + (match.group(2) or "")
        match = re.fullmatch(r"#(\w+)=(.*)", line)
        if match:
            shown[section, match.group(1)] = match.group(2)
    complaints, known = [], set()
    for name, key, default, _ in table:
        kind = name.split(" ")[0]
        known.add((kind, key))
        if kind == "Ladder":
            places, compare = [s for s, _ in shown if s.startswith("Ladder ")], ["Ladder sos"]
        elif kind == "Channel":
            places, compare = ["Channel siren"], []
        else:
            places, compare = [name], [name]
        for place in dict.fromkeys(places or [name]):
            if (place, key) not in shown:
                complaints.append(f"config/huyingd.conf: [{place}] lacks a line '#{key}={default}'")
        for place in compare:
            if (place, key) in shown and shown[place, key] != default:
                complaints.append(f"config/huyingd.conf: [{place}] #{key}={shown[place, key]}, but the default is "
                                  f"'{default}'")
    complaints += [f"config/huyingd.conf: [{section}] {key}: there is no such setting" for section, key in shown
                   if (section.split(" ")[0], key) not in known]
    return complaints


@rule
def settings_in_the_readme():
    """README.md has a row for every setting, as the program has it, between its two marks, and no others."""
    wanted = [f"| {section} | `{key}` | " + (f"`{default}`" if default else "(empty)") + " | " +
              help_text.replace("|", "\\|") + " |" for section, key, default, help_text in settings_table()]
    if not (ROOT / "README.md").exists():
        raise Skip("there is no README.md")
    match = re.search(r"<!-- settings -->\n(.*?)<!-- /settings -->", text("README.md"), re.S)
    if not match:
        return ["README.md: the table of settings stands between <!-- settings --> and <!-- /settings -->"]
    rows = match.group(1).splitlines()[2:]
    return [f"README.md: the table of settings lacks the row: {row}" for row in wanted if row not in rows] + \
        [f"README.md: there is no such setting, or it is different now: {row}" for row in rows if row not in wanted]


@rule
def readme_tells_what_is_there():
    """Each file and each test that a README names exists."""
    tests = set(re.findall(r"\b(test_\w+)\s*\(", "\n".join(text(f) for f in FILES if f.startswith("tests/") and
                                                            f.endswith((".py", ".c")))))
    complaints = []
    for path in FILES:
        if Path(path).name != "README.md":
            continue
        folder = Path(path).parent
        words = re.findall(r"`([^`\s]+)`", text(path))
        links = re.findall(r"\]\(([^)#\s]+)", text(path))
        for name in words:
            if re.fullmatch(r"test_\w+", name) and name not in tests and not (ROOT / "tests/integration" / name).exists():
                complaints.append(f"{path}: there is no test {name}()")
            if name.split("/")[0] in TOP and "/" in name and re.fullmatch(r"[\w./-]+", name) and \
                    not (ROOT / name).exists() and not (ROOT / folder / name).exists():
                complaints.append(f"{path}: there is no {name}")
        complaints += [f"{path}: the link to {name} leads nowhere" for name in links
                       if "://" not in name and not (ROOT / folder / name).exists()]
    return complaints


# ---- TAP ----

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine")
    parser.add_argument("--base")
    parser.add_argument("--settings")
    parser.add_argument("rules", nargs="*")
    parser.parse_args(namespace=arguments)
    chosen = [r for r in rules if not arguments.rules or r.__name__ in arguments.rules]
    if len(chosen) < len(arguments.rules):
        parser.error("rules: " + " ".join(r.__name__ for r in rules))
    failed = 0
    print(f"1..{len(chosen)}")
    for number, check in enumerate(chosen, 1):
        name = check.__name__.replace("_", "-")
        try:
            complaints = check()
        except Skip as skip:
            print(f"ok {number} - {name} # SKIP {skip}")
            continue
        failed += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {number} - {name}")
        for complaint in complaints:
            print(f"#   {complaint}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
