# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `broker`, `site` (a broker and huyingd with the demo community), and `make_broker`, `make_site` for others.

With HUYING_SANITIZED=1 only the tests marked `sanitized` run: those whose paths are worth the slower build.
"""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import net  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: runs on the sanitizer build as well")
    # ended from outside (a time limit): the fixtures still take down what they started
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 1))


def pytest_sessionstart(session):
    if not (net.BUILD / "daemon" / "huyingd").exists():
        pytest.exit(f"{net.BUILD}/daemon/huyingd is not built; HUYING_BUILD names the build folder", 4)


def pytest_collection_modifyitems(config, items):
    if os.environ.get("HUYING_SANITIZED") != "1":
        return
    chosen = [item for item in items if item.get_closest_marker("sanitized")]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Fixtures must know whether the test failed, to show the logs."""
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


def show_log(request, process):
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print(f"--- {process.name} ({process.log}), its last lines:\n{process.output()[-8000:]}")


@pytest.fixture
def make_broker(request):
    brokers = []

    def make(**options):
        broker = net.Broker(**options)
        brokers.append(broker)
        return broker.start()

    yield make
    for broker in brokers:
        show_log(request, broker)
        broker.clean()


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def make_site(request, make_broker):
    """make_site(settings=…, …): a daemon (see net.Daemon) on a broker (one of its own unless given), started and online."""
    sites = []

    def make(broker=None, start=True, **options):
        broker = broker or make_broker()
        daemon = net.Daemon(broker, **options)
        site = net.Site(broker, daemon)
        sites.append(site)
        if start:
            daemon.start()
            site.wait_online()
        return site

    yield make
    problems = []
    for site in sites:
        site.close()
        try:
            # an orderly end runs the leak check of a sanitizer build, and must be an end without errors
            status = site.daemon.stop()
            if status not in (None, 0):
                problems.append(f"huyingd ended with {status}:\n{site.daemon.output()[-4000:]}")
            site.daemon.check()
        except AssertionError as error:
            problems.append(str(error))
        show_log(request, site.daemon)
        site.daemon.clean()
    assert not problems, "\n".join(problems)


@pytest.fixture
def site(make_site):
    return make_site()
