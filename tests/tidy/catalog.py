#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every message id of daemon/log-ids.h has one catalog entry in English and one in Chinese, and there are no others."""
import re
import subprocess
import sys
import tempfile
from shutil import which

header, catalog = sys.argv[1:]
ids = dict(re.findall(r'^#define (LOG_ID_\w+)\s+"([0-9a-f]{32})"$', open(header).read(), re.M))
text = open(catalog, encoding='utf-8').read()
entries = re.findall(r'^-- ([0-9a-f]{32})(?: (\w+))?\nSubject: (.+)\nDefined-By: Huying\n\n(.+)', text, re.M)
wrong = []
if len(ids) < 10:
    wrong.append(f'{header}: only {len(ids)} ids were found')
if len(set(ids.values())) != len(ids):
    wrong.append(f'{header}: an id stands there twice')
if len(entries) != text.count('\n-- '):
    wrong.append(f'{catalog}: an entry without subject, defined-by or text')
for name, value in ids.items():
    for language in '', 'zh_CN':
        n = sum(e[:2] == (value, language) for e in entries)
        if n != 1:
            wrong.append(f'{catalog}: {n} entries for {name} in "{language or "en"}", not 1')
for value, language, subject, body in entries:
    if value not in ids.values():
        wrong.append(f'{catalog}: {value} is not in {header}')
    if (language == 'zh_CN') != bool(re.search('[\u4e00-\u9fff]', subject + body)):
        wrong.append(f'{catalog}: "{subject}" stands under the wrong language')
if which('journalctl'):  # systemd's own reader has the last word
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(['install', '-D', catalog, f'{root}/usr/lib/systemd/catalog/huyingd.catalog'], check=True)
        run = subprocess.run(['journalctl', f'--root={root}', '--update-catalog'], capture_output=True, text=True)
        if run.returncode != 0 or run.stderr:
            wrong.append(f'journalctl --update-catalog: {run.stderr}')
print('\n'.join(wrong) or f'{len(ids)} ids, {len(entries)} entries')
sys.exit(bool(wrong))
