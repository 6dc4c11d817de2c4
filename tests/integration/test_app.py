# SPDX-License-Identifier: Apache-2.0
"""The worker's app in a real browser, against the real gateway and broker: from the press to the resolved matter, with
the network cut, the page reloaded, two people at once, and whatever else a day brings.

Screenshots of every screen go to $HUYING_BUILD/screens.
"""

import csv
import gzip
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from urllib.parse import quote

import pytest

import net
import web
from net import wait_for

pytestmark = pytest.mark.skipif(bool(web.missing()), reason=f"not there: {web.missing()}")


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory):
    return web.bundle(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def browser():
    browser = web.Browser()
    yield browser
    browser.close()


@pytest.fixture
def registry(tmp_path):
    """The demo community, in which everybody has the app and is always on duty."""
    folder = tmp_path / "registry"
    shutil.copytree(net.DEMO, folder)
    rows = list(csv.reader((folder / "workers.csv").open(encoding="utf-8")))
    for row in rows[1:]:
        if row[0] in ("w01", "w02", "d01"):
            row[5] = "app"
    with (folder / "workers.csv").open("w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows(rows)
    return folder


class Phones:
    def __init__(self, browser, site, ws_port, http_port):
        self.browser = browser
        self.site = site
        self.ws_port = ws_port
        self.http = f"http://127.0.0.1:{http_port}/"
        self.pages = []
        self.cuts = []

    def cut(self):
        cut = web.Cut(self.ws_port)
        self.cuts.append(cut)
        return cut

    def link(self, code, port=None, path="", token="secret", **more):
        members = {"u": code, "t": token, "s": self.site.daemon.site, "b": f"ws://127.0.0.1:{port or self.ws_port}/mqtt", **more}
        return self.http + path + "#" + "&".join(f"{k}={quote(v, safe='')}" for k, v in members.items() if v)

    def open(self, code, port=None, url=None, more=None, **options):
        page = web.Page(self.browser, f"{code}-{len(self.pages)}", url or self.link(code, port, **(more or {})), **options)
        self.pages.append(page)
        return page

    def on_duty(self, code, port=None, **options):
        page = self.open(code, port, **options)
        page.press("开始值班")
        page.see("线路通了")
        page.press("听到了")
        return page

    def close(self):
        problems = []
        for page in self.pages:
            problems += [f"{page.name}: {p}" for p in page.problems()]
            page.close()
        for cut in self.cuts:
            cut.close()
        return problems


@pytest.fixture
def make_phones(request, browser, make_broker, make_site, app_folder, registry):
    """make_phones(settings=…): a site whose broker speaks WebSocket and whose gateway serves the app."""
    made = []

    def make(settings=None, config="", **options):
        ws_port, http_port = net.free_port(), net.free_port()
        broker = make_broker(config=f"listener {ws_port} 127.0.0.1\nprotocol websockets\n{config}", **options)
        settings = {"HTTP": {"Listen": f"127.0.0.1:{http_port}", "App": str(app_folder), "Broker": f"ws://127.0.0.1:{ws_port}/mqtt"},
                    "Ladder sos": {"Receipt": "0"}, **(settings or {})}
        phones = Phones(browser, make_site(broker=broker, settings=settings, registry=registry), ws_port, http_port)
        made.append(phones)
        return phones

    yield make
    problems = [p for phones in made for p in phones.close()]
    report = getattr(request.node, "report_call", None)
    assert not problems or (report is not None and report.failed), "the browser complains:\n" + "\n".join(problems)


@pytest.fixture
def phones(make_phones):
    return make_phones()


def press(phones, device="sos-101", event="e-1", **members):
    bed = phones.site.device(device)
    phones.site.press(bed, device, event, **members)
    return bed, phones.site.receipt(bed, device, event)["incident"]


def lamp(phones, bed, word, device="sos-101"):
    bed.wait(phones.site.topic(f"down/{device}/lamp"), lambda m: m.payload == word.encode())


def test_from_the_press_to_the_end(phones):
    w01 = phones.on_duty("w01", more={"n": "赵示例", "p": "000-0000-2001"})
    w01.see("现在没有警报")
    bed, incident = press(phones)
    w01.see("张虚构")
    w01.see("1号楼1单元101室")
    w01.until("() => Huying.bell.ringing()")
    lamp(phones, bed, "received")
    w01.click(selector=".card")
    for text in ("呼救", "独居；高血压；听力差", "打给 张虚构", "家属 张样例", "接单后显示", "接单"):
        w01.see(text)
    w01.press("接单")
    lamp(phones, bed, "accepted")
    w01.see("“接单”已确认")
    w01.see("钥匙盒")
    w01.until("() => !Huying.bell.ringing()")
    w01.press("已到达")
    lamp(phones, bed, "arrived")
    w01.press("办结")
    w01.check(text="已帮助")
    w01.fill(selector="#note", value="扶起，无碍")
    w01.press("确认办结")
    lamp(phones, bed, "resolved")
    w01.see("现在没有警报")
    wait_for(lambda: "扶起，无碍" in phones.site.daemon.ctl("show", incident).stdout)
    assert len(phones.site.client().subscribe(phones.site.topic("worker/w01/alert/+")).received()) == 0


def test_every_step_survives_a_cut_network(phones):
    """Each action is taken while the network is down: nothing is lost, nothing is done twice."""
    cut = phones.cut()
    w01 = phones.on_duty("w01", cut.port)
    w01.cut_allowed = True
    bed, incident = press(phones)
    w01.click(selector=".card")
    w01.see("接单")
    for button, word in (("接单", "accepted"), ("已到达", "arrived"), ("办结", "resolved")):
        cut.cut()
        w01.see("已断网")
        w01.press(button)
        if button == "办结":
            w01.check(text="误报")
            w01.press("确认办结")
        w01.see(f"“{button}”已记下")
        cut.restore()
        lamp(phones, bed, word)
        w01.see_not("已断网")
    w01.see("现在没有警报")
    kinds = phones.site.daemon.ctl("show", incident).stdout
    assert kinds.count("accepted") >= 1
    w01.until("() => Object.keys(Huying.link.actions).length === 0")


def test_a_reload_in_the_middle_forgets_nothing(phones):
    cut = phones.cut()
    w01 = phones.on_duty("w01", cut.port)
    w01.cut_allowed = True
    bed, _ = press(phones)
    w01.click(selector=".card")
    w01.see("接单")
    cut.cut()
    w01.see("已断网")
    w01.press("接单")
    w01.see("“接单”已记下")
    nonce = w01.js("() => Huying.link.pending()[0].nonce")
    w01.reload()
    w01.see("张虚构")
    w01.see("断网前的情况")
    w01.see("已断网")
    assert w01.js("() => Huying.link.pending()[0].nonce") == nonce, "the same nonce after the reload"
    w01.until("() => Huying.bell.unlocked() || document.body.innerText.includes('声音没有打开')")
    cut.restore()
    lamp(phones, bed, "accepted")
    w01.see("请到场")
    w01.click(selector=".card")
    w01.see_not("声音没有打开")
    w01.reload()
    w01.see("请到场")
    w01.click(selector=".card")
    w01.press("已到达")
    lamp(phones, bed, "arrived")


def test_two_workers_race_and_the_other_is_stood_down(make_phones):
    phones = make_phones(settings={"Ladder sos": {"Receipt": "0", "Tier2": "0s backup"}})
    cuts = [phones.cut(), phones.cut()]
    w01, w02 = phones.on_duty("w01", cuts[0].port), phones.on_duty("w02", cuts[1].port)
    bed, _ = press(phones)
    for page, cut in zip((w01, w02), cuts):
        page.cut_allowed = True
        page.click(selector=".card")
        page.until("() => Huying.bell.ringing()")
        cut.cut()
        page.see("已断网")
        page.press("接单")
        page.see("“接单”已记下")
    for cut in cuts:
        cut.restore()
    lamp(phones, bed, "accepted")
    for page in (w01, w02):
        page.until("() => Huying.link.state === 'online' && !Huying.link.pending().length && !Huying.bell.ringing()")
    owners = [page.js("() => Huying.app.list()[0].owner") for page in (w01, w02)]
    assert owners[0] == owners[1], "both are told the same"
    owner, other = (w01, w02) if owners[0] == "w01" else (w02, w01)
    other.see("您算帮忙" if "您算帮忙" in other.text() else "请到场")
    owner.press("已到达")
    lamp(phones, bed, "arrived")


def test_a_colleague_accepts_and_this_phone_falls_silent(make_phones):
    phones = make_phones(settings={"Ladder sos": {"Receipt": "0", "Tier2": "0s backup"}})
    w01 = phones.on_duty("w01")
    w02 = phones.site.worker("w02")
    bed, incident = press(phones)
    w01.until("() => Huying.bell.ringing()")
    assert phones.site.act(w02, "w02", incident, "accept")["result"] == "ok"
    w01.see("钱示例 已接单")
    w01.see("您无需前往")
    w01.until("() => !Huying.bell.ringing()")
    assert phones.site.act(w02, "w02", incident, "arrived")["result"] == "ok"
    assert phones.site.act(w02, "w02", incident, "resolve", outcome="helped")["result"] == "ok"
    w01.see("现在没有警报")


def test_delivered_and_seen_say_themselves(phones):
    w01 = phones.on_duty("w01")
    _, incident = press(phones)
    w01.see("张虚构")

    def told():
        return phones.site.daemon.ctl("show", incident).stdout
    wait_for(lambda: "delivered" in told(), what=told)
    w01.click(selector=".card")
    wait_for(lambda: "seen" in told(), what=told)


def passwords(tmp_path, *users):
    """A password file in which all of them have the password "right", and the gateway's secret."""
    file, secret = tmp_path / "passwd", tmp_path / "secret"
    tmp_path.chmod(0o755)
    file.write_text("")
    for user in ("huying-demo-alarm", "huying-demo-vitals", "huying-demo-out", *users):
        subprocess.run(["mosquitto_passwd", "-b", str(file), user, "right"], check=True)
    file.chmod(0o644)
    secret.write_text("right\n")
    return file, secret


def test_a_login_is_handed_out_renewed_and_revoked(make_phones, tmp_path):
    """tools/worker-app/enrol: the link logs in; revoked, the phone is told and stays out."""
    file, secret = passwords(tmp_path)
    phones = make_phones(config=f"password_file {file}", settings={"MQTT": {"PasswordFile": str(secret)}})

    def enrol(*arguments):
        done = subprocess.run([net.SOURCE / "tools/worker-app/enrol", "w01", "--passwords", file, *arguments], check=True,
                              capture_output=True, text=True)
        file.chmod(0o644)
        before = phones.site.broker.output().count("Reloading config")
        phones.site.broker.signal(signal.SIGHUP)
        wait_for(lambda: phones.site.broker.output().count("Reloading config") > before)
        return done.stdout.splitlines()[0] if done.stdout else ""
    link = enrol("--url", phones.http, "--name", "赵示例", "--phone", "000-0000-2001")
    w01 = phones.open("w01", url=link)
    w01.see("您好，赵示例")
    w01.press("开始值班")
    w01.see("线路通了")
    w01.press("听到了")
    w01.cut_allowed = True
    enrol("--revoke")
    w01.js("() => Huying.link.leave().then(() => Huying.app.connect(true))")
    w01.see("登录被拒绝")
    w01.press("换一个账号登录")
    w01.fill(selector="#login-link", value=enrol("--url", phones.http))
    w01.press("登录")
    w01.press("开始值班")
    w01.see("线路通了")


def test_a_wrong_token_is_said_and_not_tried_for_ever(make_phones, tmp_path):
    file, secret = passwords(tmp_path, "w01")
    phones = make_phones(config=f"password_file {file}",
                         settings={"MQTT": {"PasswordFile": str(secret)}})
    w01 = phones.open("w01", more={"token": "wrong"})
    w01.press("开始值班")
    w01.see("登录被拒绝")
    assert w01.js("() => Huying.link.state") == "refused"
    w01.press("换一个账号登录")
    w01.see("登录链接")
    w01.fill(selector="#login-link", value="nonsense")
    w01.press("登录")
    w01.see("这不是登录链接")
    w01.fill(selector="#login-link", value=phones.link("w01", token="right"))
    w01.press("登录")
    w01.press("开始值班")
    w01.see("线路通了")


def test_fifty_open_alerts(phones):
    w01 = phones.on_duty("w01")
    source = phones.site.client()
    for n in range(50):
        kind = "fall" if n % 2 else "sos"
        phones.site.press(source, f"unknown-{n}", "e-1", kind=kind)
    w01.until("() => Huying.app.list().length >= 1 && document.querySelectorAll('.card').length === Huying.app.list().length")
    for code in ("sos-101", "sos-102", "pendant-103", "sos-501", "smoke-101"):
        phones.site.press(source, code, "e-1", kind="smoke" if code.startswith("smoke") else "sos")
    w01.see("陈样本")
    order = w01.js("() => Array.from(document.querySelectorAll('.card')).map(e => e.className.match(/p([1-5])/)[1])")
    assert order == sorted(order), "most urgent first"
    w01.shot("list-many", full=False)


def test_it_starts_without_a_network(phones):
    cut = phones.cut()
    w01 = phones.on_duty("w01", cut.port)
    w01.cut_allowed = True
    press(phones)
    w01.see("张虚构")
    w01.until("() => navigator.serviceWorker.controller !== null")
    w01.until("() => caches.keys().then(k => k.length === 1)")
    cut.cut()
    w01.offline(yes=True)
    w01.reload()
    w01.see("已断网")
    w01.see("张虚构")
    w01.offline(yes=False)
    cut.restore()
    w01.see_not("断网")
    w01.until("() => Huying.link.state === 'online' && Huying.app.synced")


def test_off_duty_names_the_taker(phones):
    w01 = phones.on_duty("w01")
    w02 = phones.site.worker("w02")
    bed, incident = press(phones)
    w01.click(selector=".card")
    w01.press("接单")
    w01.see("已到达")
    w01.back()
    w01.press("我")
    w01.press("离岗")
    w01.see("先转交给接班人")
    w01.fill(selector="#taker", value="w02")
    w01.press("全部转交")
    phones.site.alert(w02, "w02", incident, lambda a: a["needs"] == "accept" or a["reason"] == "handover")
    assert phones.site.act(w02, "w02", incident, "accept")["result"] == "ok"
    w01.until("() => Huying.app.list().every(a => a.owner !== 'w01')")
    w01.press("离岗")
    w01.see("本机不再呼叫您")
    w01.click(selector="#sheet .primary")
    w01.see("开始值班")
    presence = phones.site.client().subscribe(phones.site.topic("worker/w01/presence"))
    presence.wait(phones.site.topic("worker/w01/presence"), lambda m: m.payload == b"offline")


def test_a_second_window_takes_over_and_neither_fights(phones):
    w01 = phones.on_duty("w01")
    again = phones.on_duty("w01")
    w01.see("另一个窗口或手机登录了您的账号")
    again.see("值班中")
    w01.press("改在这里值班")
    again.see("另一个窗口或手机登录了您的账号")
    w01.see("值班中")


def test_the_phones_clock_may_be_wrong(phones):
    """An hour behind: what counts is the gateway's time."""
    w01 = phones.on_duty("w01", init="{ const now = Date.now; Date.now = () => now() - 3600000; }")
    press(phones)
    w01.see("张虚构")
    assert abs(w01.js("() => Huying.clock.skew()") + 3600) < 30
    w01.until("() => /已等 0:/.test(document.querySelector('.card .left').innerText)")


def test_the_first_load_is_small(app_folder):
    first = [p for p in app_folder.iterdir() if p.suffix == ".gz" and not p.name.startswith(("wall", "icon-"))]
    size = sum(p.stat().st_size for p in first)
    assert len(first) > 10 and size < 200 * 1024, f"{size} bytes compressed"
    for path in first:
        assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()


def test_the_app_is_plain_enough_for_an_old_phone():
    """Nothing later than ECMAScript 2019 in what is served as it stands."""
    later = re.compile(r"\?\.[a-zA-Z_\[(]|\?\?|\bimport\(|\*\*=|\|\|=|&&=|\b\d+n\b|\.replaceAll\(|\.at\(|\bstatic\s*\{|#[a-z]+\s*=")
    for path in (net.SOURCE / "tools/worker-app").glob("*.js"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = re.sub(r"'(?:\\.|[^'\\])*'|//.*$|/(?:\\.|[^/\\\n])+/[a-z]*", "''", line)
            assert not later.search(code), f"{path.name}:{number}: {line}"


def test_every_word_of_the_gateway_can_be_read():
    """Reasons, causes, kinds, roles, states and outcomes, as the engine spells them, have words for people."""
    engine = (net.SOURCE / "daemon/engine/words.c").read_text(encoding="utf-8")
    words = (net.SOURCE / "tools/worker-app/words.js").read_text(encoding="utf-8")
    for table, name in (("reason", "reasons"), ("system", "causes"), ("alarm", "kinds"), ("role", "roles"), ("vital", "vitals")):
        spelled = re.findall(r'\] = "([^"]+)"', re.search(rf"{table}_words\[.*?\n}};", engine, re.S)[0])
        have = re.search(rf"const {name} = {{(.*?)\n  }};", words, re.S)[1]
        missing = [w for w in spelled if not re.search(rf"(^|[\s,{{'])'?{re.escape(w)}'?: \[", have)]
        assert len(spelled) > 3 and not missing, f"{name} lacks {missing}"


def test_one_file_does_it_all(phones, app_folder):
    """As a file, without our web server: log in, be called, accept."""
    link = phones.link("w01")
    w01 = phones.open("w01", url=f"file://{app_folder}.html#{link.split('#')[1]}")
    w01.press("开始值班")
    w01.press("听到了")
    bed, _ = press(phones)
    w01.click(selector=".card")
    w01.press("接单")
    lamp(phones, bed, "accepted")


def test_the_phone_stays_connected_by_a_clock_of_its_own(phones):
    """Keep-alive and presence go by a worker's timer, which a browser does not slow down in the background."""
    w01 = phones.on_duty("w01")
    assert w01.js("() => new Promise(r => { const id = Huying.every.set(() => { Huying.every.clear(id); r('ticked'); }, 20); })") == "ticked"
    listener = phones.site.client().subscribe(phones.site.topic("worker/w01/presence"))
    since = listener.mark()
    w01.js("() => Huying.link.nudge()")  # as the page does when it comes to the front
    listener.wait(phones.site.topic("worker/w01/presence"), lambda m: m.payload == b"online" and not m.retain, since)
    w01.js("() => { Huying.every.set(() => { window.beats = (window.beats || 0) + 1; }, 50); }")
    w01.until("() => window.beats > 3")


def test_an_update_under_the_finger_does_not_take_the_button_away(phones):
    w01 = phones.on_duty("w01")
    bed, _ = press(phones)
    w01.click(selector=".card")
    w01.see("怎么进门")
    w01.until("() => Huying.app.list()[0].recorded === true")
    w01.hold(selector="[data-key=accept]")
    phones.site.press(bed, "sos-101", "e-2")
    w01.until("() => Huying.app.list()[0].presses === 2")
    w01.release()
    w01.see("“接单”已确认")
    lamp(phones, bed, "accepted")
    w01.see("按了 2 次")


def test_the_gateway_is_killed_and_the_phone_goes_on(phones):
    w01 = phones.on_duty("w01")
    bed, _ = press(phones)
    w01.click(selector=".card")
    w01.see("接单")
    phones.site.daemon.kill9()
    w01.see("网关离线")
    w01.press("接单")
    w01.see("“接单”还没有得到网关确认")
    phones.site.daemon.start()
    lamp(phones, bed, "accepted")
    w01.see("已到达")
    w01.see_not("网关离线")


def test_log_out_forgets_everything(phones):
    w01 = phones.on_duty("w01", more={"n": "赵示例"})
    press(phones)
    w01.see("张虚构")
    w01.press("我")
    w01.press("退出登录")
    w01.click(selector="#sheet .danger")
    w01.see("登录链接")
    w01.reload()
    w01.see("登录链接")
    assert "张虚构" not in w01.text()
    left = w01.js("() => new Promise(r => { const o = indexedDB.open('huying'); o.onsuccess = () => { const names = Array.from(o.result.objectStoreNames);"
                  "const tx = o.result.transaction(names); let n = 0; names.forEach(s => { tx.objectStore(s).count().onsuccess = e => { n += e.target.result; }; });"
                  "tx.oncomplete = () => r(n); }; })")
    assert left == 0


def test_the_resident_presses_again_and_the_owner_answers(phones):
    w01 = phones.on_duty("w01")
    bed, _ = press(phones)
    w01.click(selector=".card")
    w01.press("接单")
    w01.see("已到达")
    phones.site.press(bed, "sos-101", "e-2")
    w01.see("按了 2 次")
    w01.press("更多")
    w01.press("我在路上")
    w01.see("“在路上”已确认")
    w01.press("更多")
    since = bed.mark()
    w01.press("退单，叫别人")
    bed.wait(phones.site.topic("down/sos-101/lamp"), lambda m: m.payload == b"received", since)
    w01.see("“退单”已确认")
    w01.see("请接单")
    w01.see("还通知了谁")


def test_the_gateways_own_pages(phones):
    def get(path):
        with urllib.request.urlopen(phones.http + path, timeout=30) as answer:
            return answer.read().decode()
    assert get("healthz") == "ok\n"
    press(phones)
    assert '"site":"demo"' in get("config.json")

    def open_now():
        return 'huying_incidents_open{priority="1"} 1' in get("metrics")
    wait_for(open_now)


def looked_at(page, file, full=False):
    """A picture for human eyes, and what a machine can say about who cannot see it."""
    page.shot(file, full)
    found = page.axe()
    assert not found, f"{file}: " + "\n".join(found)


def test_every_screen_is_fit_to_be_seen(make_phones):
    """Screenshots at 360×640; no serious finding of axe-core; nothing wider than the screen, also with 200 % text."""
    phones = make_phones(settings={"Ladder sos": {"Receipt": "0", "Tier2": "0s backup"}})
    w02 = phones.site.worker("w02")
    w01 = phones.open("w01", url=phones.http)
    w01.see("登录链接")
    looked_at(w01, "login")
    w01.goto(url=phones.link("w01", n="赵示例", p="000-0000-2001"))
    w01.see("开始值班")
    looked_at(w01, "duty")
    w01.press("开始值班")
    w01.see("线路通了")
    looked_at(w01, "test")
    w01.press("听到了")
    w01.see("现在没有警报")
    looked_at(w01, "list-empty")
    band = phones.site.device("band-102")
    band.publish(phones.site.topic("up/band-102/vitals"), {"hr": 150, "spo2": 97})
    press(phones, "sos-501")
    phones.site.press(phones.site.device("smoke-102"), "smoke-102", "s-1", kind="smoke")
    bed, incident = press(phones)
    w01.until("() => document.querySelectorAll('.card').length === 4")
    assert phones.site.act(w02, "w02", next(m.json["incident"] for m in w02.received(where=lambda m: m.json.get("device") == "sos-501")), "accept")["result"] == "ok"
    w01.see("钱示例 已接单")
    looked_at(w01, "list")
    w01.shot("list-full", full=True)
    w01.js(f"() => Huying.app.open({incident})")
    w01.see("打给 张虚构")
    looked_at(w01, "alert")
    w01.shot("alert-full", full=True)
    for zoom in ("200%", "100%"):
        w01.js(f"() => {{ document.documentElement.style.fontSize = '{zoom}'; Huying.render(); }}")
        assert w01.js("() => document.documentElement.scrollWidth <= innerWidth"), f"no sideways scrolling at {zoom}"
        w01.shot(f"alert-{zoom.rstrip('%')}")
    w01.press("接单")
    w01.see("已到达")
    looked_at(w01, "alert-accepted")
    w01.press("更多")
    w01.see("请求增援")
    looked_at(w01, "alert-more")
    w01.press("关闭")
    w01.press("已到达")
    w01.press("办结")
    w01.see("确认办结")
    looked_at(w01, "alert-resolve")
    w01.press("取消")
    w01.back()
    w01.press("我")
    w01.see("退出登录")
    looked_at(w01, "me")
    w01.press("离岗")
    w01.see("接班人工号")
    looked_at(w01, "off")
    w01.press("取消")
    w01.press("English")
    w01.see("Go off duty")
    w01.back()
    w01.see("My alerts")
    looked_at(w01, "list-english")


def test_the_curve_and_the_record(phones):
    """Who was called sees the last day's vitals and what has been done, from the gateway's own record."""
    page = phones.on_duty("w01")
    band, topic = phones.site.device("band-101"), phones.site.topic("up/band-101/vitals")
    for i in range(40):  # a day, a reading every 36 minutes
        band.publish(topic, {"hr": 72 + i % 9, "spo2": 97, "ts": int(time.time()) - (39 - i) * 2160})
    for _ in range(2):
        band.publish(topic, {"hr": 190})
    page.click(selector=".card")
    page.see("心率 190")
    page.press("看近一天体征")
    page.see("限值 50–120")
    page.until("() => document.querySelectorAll('.chart canvas').length >= 2")
    page.press("查看")
    page.see("已呼叫 · w01")
    looked_at(page, "curve", full=True)


SURE = "#sheet .button.primary"


def test_a_visit(make_phones):
    """In at the bed, found by name, out with a rating; the plan and the register are the gateway's."""
    phones = make_phones(settings={"Visits": {"Minimum": "1s"}})
    page = phones.on_duty("w01")
    bed, _ = press(phones)
    page.click(selector=".card")
    for name in ("接单", "已到达", "办结"):
        page.press(name)
    page.check(text="已帮助")
    page.press("确认办结")
    lamp(phones, bed, "resolved")
    page.back()
    page.press("上门")
    page.see("李示例")
    looked_at(page, "visits")
    page.fill(selector="#v-find", value="张虚构")
    page.see_not("李示例")
    page.click(selector="[data-key=br101]")
    page.check(text="助洁")
    looked_at(page, "visit-in")
    page.click(selector=SURE)
    page.see("正在上门")
    page.see("时间已够")
    looked_at(page, "visit-now")
    page.press("离开签退")
    page.check(text="很满意")
    page.click(selector=SURE)
    page.see("我的床位")
    page.see("今年 1 / ")
    page.press("今天")
    page.see("今天的警情 1")
    page.see("已帮助")
    looked_at(page, "today")


def test_a_request(make_phones):
    """The everyday half: the desk writes it down and assigns it, a worker sees to it, the resident's word closes it."""
    phones = make_phones(settings={"Ladder request-key": {"Priority": "3"}})
    wall = phones.open("wall", url=phones.link("wall", path="wall.html", n="示范社区"), width=1920, height=1080)
    worker = phones.on_duty("w01")
    desk = phones.on_duty("d01", more={"r": "desk"}, width=1920, height=1080)
    desk.press("登记诉求")
    desk.fill(selector="#q-who", value="r101")
    desk.fill(selector="#q-text", value="楼道灯坏了")
    desk.check(text="重")
    desk.check(text="内容可以上墙公开（不含姓名、住址）")
    looked_at(desk, "request-new")
    desk.click(selector=SURE)
    desk.see("楼道灯坏了")
    wall.see("楼道灯坏了")
    wall.see("张*构")
    desk.click(selector=".card")
    desk.see("待受理", selector=".hero")
    looked_at(desk, "desk-request")
    desk.press("更多")
    desk.press("指派给")
    desk.fill(selector="#code", value="w01")
    desk.click(selector=SURE)
    desk.see("已受理", selector=".hero")
    worker.press("诉求 1")
    worker.see("已受理")
    looked_at(worker, "requests")
    worker.click(selector=".card")
    worker.press("开始办理")
    worker.see("办理中")
    worker.press("更多")
    worker.press("等待")
    worker.fill(selector="#q-text", value="灯泡已下单")
    worker.click(selector=SURE)
    worker.see("等待中", selector=".hero")
    worker.see("灯泡已下单")
    looked_at(worker, "request-waiting")
    worker.press("开始办理")
    worker.press("办完了")
    worker.fill(selector="#q-text", value="换了灯泡")
    looked_at(worker, "request-done")
    worker.click(selector=SURE)
    desk.see("办完，待回访", selector=".hero")
    desk.press("回访评价")
    desk.check(text="很满意")
    desk.click(selector=SURE)
    wall.see("换了灯泡")
    wall.see("没有未办的诉求")
    wall.see_not("张虚构")
    looked_at(wall, "wall-requests")


def test_the_desk_and_the_wall(make_phones):
    """A desk at 1920×1080 sees all that is open and answers what has come to it; the wall sees it, masked."""
    phones = make_phones(settings={"Ladder sos": {"Receipt": "0", "Tier2": "1s backup", "Tier3": "2s community"}})
    w02 = phones.site.worker("w02")
    wall = phones.open("wall", url=phones.link("wall", path="wall.html", n="示范社区"), width=1920, height=1080)
    desk = phones.on_duty("d01", more={"r": "desk", "n": "示范社区值班台"}, width=1920, height=1080)
    phones.site.press(phones.site.device("band-102"), "band-102", "f-1", kind="fall")
    _, taken = press(phones, "sos-501")
    phones.site.alert(w02, "w02", taken)
    assert phones.site.act(w02, "w02", taken, "accept")["result"] == "ok"
    bed, incident = press(phones)
    desk.see("张虚构")
    desk.see("第 3 级 / 共 5 级")
    desk.see("陈*本")
    desk.see("尚未呼叫到本台")
    looked_at(desk, "desk")
    wall.see("张*构")
    wall.see("回音壁")
    wall.see_not("张虚构")
    for action, more in (("arrived", {}), ("resolve", {"outcome": "helped"})):
        assert phones.site.act(w02, "w02", taken, action, **more)["result"] == "ok"
    wall.see("已帮助")
    looked_at(wall, "wall")
    desk.js(f"() => Huying.app.open({incident})")
    desk.press("接单")
    lamp(phones, bed, "accepted")
    desk.see("已到达")
    desk.press("更多")
    desk.see("已打 120")
    looked_at(desk, "desk-more")
    desk.press("已打 120")
    desk.see("“联系外援”已确认")
    desk.see("已帮助")
    looked_at(desk, "desk-accepted")
    for page in (wall, desk):
        page.cut_allowed = True
    phones.site.daemon.stop()
    wall.see("网关离线")
    desk.see("网关离线")
    looked_at(desk, "desk-offline")


def test_every_trouble_is_shown(make_phones):
    """What a phone shows when something is wrong, as large as it must be."""
    phones = make_phones(settings={"Ladder sos": {"Receipt": "0", "Tier2": "0s backup"}})
    cut = phones.cut()
    w01 = phones.on_duty("w01", cut.port, more={"n": "赵示例", "p": "000-0000-2001"})
    w01.cut_allowed = True
    bed, _ = press(phones)
    w01.see("张虚构")
    cut.cut()
    w01.see("已断网")
    w01.see("打电话给值班台")
    looked_at(w01, "offline-list")
    w01.click(selector=".card")
    w01.press("接单")
    w01.see("联网后自动发出")
    looked_at(w01, "offline-alert")
    w01.reload()
    w01.see("断网前的情况")
    looked_at(w01, "offline-start")
    cut.restore()
    lamp(phones, bed, "accepted")
    w01.see_not("已断网")
    again = phones.on_duty("w01")
    w01.see("另一个窗口或手机登录了您的账号")
    looked_at(w01, "taken")
    again.click(selector=".card")
    again.press("已到达")
    lamp(phones, bed, "arrived")
    again.press("办结")
    again.press("确认办结")
    again.see("结果?")
    again.check(text="其他")
    again.press("确认办结")
    again.see("“其他”请写备注")
    looked_at(again, "resolve-wrong")
    again.press("取消")
    phones.site.daemon.stop()
    again.see("网关离线")
    looked_at(again, "gateway-offline")


def test_smoke_asks_about_119(make_phones):
    phones = make_phones()
    w01 = phones.on_duty("w01")
    phones.site.press(phones.site.device("smoke-101"), "smoke-101", "s-1", kind="smoke")
    w01.see("烟雾报警")
    w01.click(selector=".card")
    w01.press("接单")
    w01.see("已到达")
    w01.press("更多")
    w01.press("已打 119")
    w01.see("“联系外援”已确认")
    w01.press("已到达")
    w01.press("办结")
    w01.check(text="误报")
    w01.press("确认办结")
    w01.see("探测器还没有恢复，不能办结")
    looked_at(w01, "smoke-refused")
    phones.site.press(phones.site.device("smoke-101"), "smoke-101", "s-2", kind="smoke_clear")
    w01.see("已恢复，仍需核实")
    w01.press("办结")
    w01.check(text="误报")
    w01.press("确认办结")
    w01.see("现在没有警报")
