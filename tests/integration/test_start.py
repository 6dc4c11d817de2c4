# SPDX-License-Identifier: Apache-2.0
"""The newcomer's proof: tools/start --check plays the whole story, over MQTT and over CoAP, and judges itself."""

import os
import subprocess

from net import BUILD, SOURCE


def test_the_newcomers_story():
    done = subprocess.run([str(SOURCE / "tools" / "start"), "--check"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=540, check=False, env={**os.environ, "HUYING_BUILD": str(BUILD)})
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "huyingctl verify" in done.stdout
