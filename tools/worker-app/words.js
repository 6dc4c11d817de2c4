// SPDX-License-Identifier: Apache-2.0
// Every word that a person reads, Chinese first. Plain words: they are read on a staircase, in the sun, by somebody who
// is out of breath.
(function () {
  'use strict';
  const H = window.Huying = {};

  const words = {
    title: ['呼应', 'Huying'],
    language: ['English', '中文'],

    // logging in
    login: ['登录', 'Log in'],
    login_how: ['请扫社区发给您的二维码，或把收到的链接粘贴到这里。', 'Scan the QR code that your community gave you, or paste the link here.'],
    login_link: ['登录链接', 'Login link'],
    login_bad: ['这不是登录链接，请找社区重新发一个。', 'This is no login link. Ask your community for a new one.'],
    login_refused: ['登录被拒绝', 'Login refused'],
    login_refused_how: ['账号已停用，或二维码已换新。请找社区重新发二维码。在此之前您收不到警报。', 'The account was closed, or the code was renewed. Ask your community for a new one. Until then you get no alerts.'],
    login_again: ['换一个账号登录', 'Log in anew'],
    taken: ['另一个窗口或手机登录了您的账号', 'Your account is open in another window or phone'],
    taken_how: ['警报现在到那里去，不到这里来。', 'Alerts go there now, not here.'],
    taken_here: ['改在这里值班', 'Use it here'],

    // duty
    duty_start: ['开始值班', 'Start duty'],
    duty_hello: ['您好', 'Hello'],
    duty_why: ['按下之后：', 'When you press it:'],
    duty_sound: ['有警报时会大声响、会振动', 'alerts ring loud and vibrate'],
    duty_notice: ['请允许“通知”，切到别的软件也能看到', 'please allow notifications, to see alerts in other apps'],
    duty_wake: ['屏幕保持常亮，请把手机插上电、音量开到最大', 'the screen stays on: plug the phone in, turn the volume up'],
    duty_test: ['先试响一次，确认线路是通的', 'it rings once as a test, to show that the way is open'],
    test_title: ['试响', 'Test alarm'],
    test_wait: ['正在确认线路……', 'Checking the way …'],
    test_ok: ['线路通了：手机 → 网关 → 手机', 'The way is open: phone → gateway → phone'],
    test_no: ['还没有收到网关的回答。请看网络。', 'No answer from the gateway yet. Check your network.'],
    test_heard: ['听到响声、感到振动了吗？', 'Did you hear it and feel it?'],
    test_yes: ['听到了', 'Yes, loud enough'],
    test_again: ['再响一次', 'Once more'],
    test_hint: ['没听到？请调大媒体音量，关掉静音和勿扰。', 'No? Turn up the media volume, switch off mute and do-not-disturb.'],
    sound_off: ['声音没有打开。点这里打开', 'Sound is off. Tap here to switch it on'],
    on_duty: ['值班中', 'On duty'],
    off_duty: ['未值班', 'Off duty'],
    off_do: ['离岗', 'Go off duty'],
    off_open: ['您手上还有未办结的警报。请先转交给接班人，再离岗。', 'You still have open matters. Hand them over first.'],
    off_taker: ['接班人工号', 'Code of your successor'],
    off_sure: ['离岗后，本机不再呼叫您。', 'This phone will no longer call you.'],
    off_done: ['已离岗', 'You are off duty'],
    off_hand: ['全部转交', 'Hand all over'],
    off_wait: ['接班人接单之前，仍由您负责。', 'You keep them until your successor accepts.'],

    // connection
    online: ['已连接', 'Connected'],
    connecting: ['正在连接……', 'Connecting …'],
    offline_banner: ['已断网，收不到警报！请保持电话畅通，有事打电话。', 'No connection: no alerts come! Keep your telephone free, and phone.'],
    gateway_banner: ['网关离线！警报可能来不了。请用电话联系值班台。', 'The gateway is offline! Alerts may not come. Phone the desk.'],
    offline_old: ['以下是断网前的情况', 'As it was before the connection was lost'],
    call_desk: ['打电话给值班台', 'Phone the desk'],
    skew: ['手机时间不准（差 {0}），倒计时按网关时间。', 'Your phone’s clock is off by {0}; countdowns follow the gateway.'],

    // lists
    alerts: ['我的警报', 'My alerts'],
    none: ['现在没有警报', 'No alerts now'],
    none_how: ['有警报会响。请保持本页打开。', 'It rings when there is one. Keep this page open.'],
    others: ['同事已接，您无需前往', 'Colleagues have these; you need not go'],
    me: ['我', 'Me'],
    back: ['返回', 'Back'],
    more: ['更多', 'More'],
    close: ['关闭', 'Close'],
    cancel: ['取消', 'Cancel'],
    priority: ['{0}级', 'P{0}'],
    p1: ['特急', 'Most urgent'], p2: ['紧急', 'Urgent'], p3: ['尽快', 'Soon'], p4: ['当天', 'Today'], p5: ['一般', 'Routine'],
    needs_accept: ['请接单', 'Please accept'],
    needs_arrive: ['请到场', 'Please arrive'],
    needs_resolve: ['请办结', 'Please resolve'],
    needs_start: ['请办理', 'Please start'],
    needs_done: ['请办完', 'Please finish'],
    needs_rate: ['请回访', 'Please call back'],
    needs_none: ['您无需前往', 'You need not go'],
    waited: ['已等 {0}', 'waiting {0}'],
    next_tier: ['{0}后叫上一级', 'next tier in {0}'],
    next_tier_now: ['正在叫上一级', 'next tier is being called'],
    arrive_left: ['还有 {0} 到场', '{0} left to arrive'],
    arrive_late: ['到场超时 {0}', 'late by {0}'],
    handle_left: ['还有 {0} 办结', '{0} left to resolve'],
    handle_late: ['办结超时 {0}', 'late by {0}'],
    taken_by: ['{0} 已接单', '{0} has accepted'],
    scene_by: ['{0} 已到场', '{0} is on scene'],
    age: ['{0}岁', '{0} years old'],
    number: ['编号 {0}', 'No. {0}'],
    unknown_who: ['未知住户', 'Resident unknown'],
    unknown_where: ['位置未登记，设备 {0}', 'Place not registered; device {0}'],
    test: ['测试', 'Test'],
    late: ['迟到的警报', 'Late alert'],
    unrecorded: ['（网关尚未存盘，照常处理）', '(not yet on the gateway’s disk; act all the same)'],
    presses: ['按了 {0} 次', 'pressed {0} times'],
    links: ['同户另有 {0} 起警报', '{0} more in this home'],

    // one alert
    where: ['地址', 'Where'],
    map: ['看地图', 'Map'],
    place: ['本人现在的位置', 'Where the person is now'],
    place_at: ['北纬 {0}，东经 {1}', '{0} north, {1} east'],
    place_within: ['，误差约 {0} 米', ', within {0} m'],
    enter: ['怎么进门', 'How to get in'],
    enter_later: ['接单后显示', 'shown when you have accepted'],
    notes: ['病史和注意', 'Illness, medicine, notes'],
    call: ['打给 {0}', 'Call {0}'],
    resident: ['老人', 'the resident'],
    contacts: ['可以联系', 'Whom to ring'],
    happened: ['发生了什么', 'What happened'],
    condition: ['探测器现在', 'The sensor now'],
    cond_active: ['仍在报警', 'still alarming'],
    cond_cleared: ['已恢复，仍需核实', 'clear; check all the same'],
    cond_unknown: ['状态不明', 'unknown'],
    told_who: ['还通知了谁', 'Who else was told'],
    timeline: ['经过', 'What this phone has heard'],
    device: ['设备', 'Device'],
    opened: ['报警时间', 'Raised at'],

    // actions
    accept: ['接单', 'Accept'],
    eta: ['我几分钟到', 'I will be there in'],
    minutes: ['{0} 分钟', '{0} min'],
    decline: ['我去不了', 'I cannot go'],
    arrived: ['已到达', 'I have arrived'],
    coming: ['我在路上', 'On my way'],
    extend: ['要晚几分钟', 'I need more time'],
    release: ['退单，叫别人', 'Give it back'],
    backup: ['请求增援', 'Call for backup'],
    handover: ['转交同事', 'Hand over'],
    handover_to: ['同事工号', 'Colleague’s code'],
    handover_how: ['同事接单之前，仍由您负责。', 'You keep it until your colleague accepts.'],
    resolve: ['办结', 'Resolve'],
    reopen: ['重新打开', 'Reopen'],
    help: ['我也去帮忙', 'I will help too'],
    handoff119: ['已打 119', '119 was called'],
    handoff120: ['已打 120', '120 was called'],
    handoffup: ['马上叫上一级', 'Call the next tier now'],
    confirm_ref: ['对方已确认（单号）', 'They have confirmed (reference)'],
    ref: ['单号', 'Reference'],
    fire119: ['要不要报 119？', 'Call 119?'],
    fire_yes: ['要，马上打 119', 'Yes, I call 119'],
    fire_no: ['不用', 'No'],
    outcome: ['结果', 'Outcome'],
    note: ['备注', 'Note'],
    note_needed: ['选“其他”请写备注', '“Other” needs a note'],
    resolve_sure: ['确认办结', 'Resolve now'],
    silence: ['静音 30 秒', 'Silence 30 s'],
    silenced: ['静音 {0}', 'Silent {0}'],
    o_helped: ['已帮助', 'Helped'],
    o_hospital: ['送医', 'To hospital'],
    o_fire_service: ['消防处置', 'Fire service'],
    o_false_alarm: ['误报', 'False alarm'],
    o_no_help_needed: ['无需帮助', 'No help needed'],
    o_device_fault: ['设备故障', 'Device fault'],
    o_other: ['其他', 'Other'],
    a_accept: ['接单', 'accept'], a_arrived: ['已到达', 'arrived'], a_resolve: ['办结', 'resolve'], a_decline: ['去不了', 'decline'],
    a_release: ['退单', 'give back'], a_coming: ['在路上', 'on my way'], a_extend: ['延时', 'more time'], a_backup: ['增援', 'backup'],
    a_handover: ['转交', 'hand over'], a_handoff: ['联系外援', 'handoff'], a_confirm: ['确认', 'confirm'], a_fire119: ['119 决定', '119 decision'],
    a_request: ['登记诉求', 'enter a request'], a_assign: ['指派', 'assign'], a_start: ['开始办理', 'start'], a_waiting: ['等待', 'wait'], a_done: ['办完', 'done'],
    a_not_accepted: ['不受理', 'not accepted'], a_escalate: ['提请上一级', 'next level'], a_rate: ['评价', 'rating'], a_reclass: ['改类别', 'class'],
    a_visit_in: ['上门签到', 'check in'], a_visit_out: ['离开签退', 'check out'], a_vitals: ['看体征', 'vitals'], a_timeline: ['看记录', 'record'],
    a_reopen: ['重新打开', 'reopen'], a_on: ['上岗', 'on duty'], a_off: ['离岗', 'off duty'], a_test_confirm: ['测试收到', 'test received'],
    test_confirm: ['测试收到了', 'The test has arrived'],
    pending: ['“{0}”还没有得到网关确认，正在重发……', '“{0}” is not confirmed yet; sending again …'],
    pending_offline: ['“{0}”已记下，联网后自动发出。请先打电话。', '“{0}” is kept and goes out when you are connected. Phone meanwhile.'],
    confirmed: ['“{0}”已确认', '“{0}” confirmed'],
    not_done: ['“{0}”没有成功：{1}', '“{0}” was not done: {1}'],
    given_up: ['“{0}”一直没有得到确认', '“{0}” was never confirmed'],
    stood_down: ['编号 {0}：{1} 已接单，您无需前往', 'No. {0}: {1} has accepted, you need not go'],
    gone: ['编号 {0} 已结束', 'No. {0} is over'],
    new_alert: ['新警报：{0}', 'New alert: {0}'],

    // pages
    pages: ['页面', 'Pages'],
    tab_alerts: ['警报', 'Alerts'],
    requests: ['诉求', 'Requests'],
    visits: ['上门', 'Visits'],
    today: ['今天', 'Today'],
    today_matters: ['今天的警情', 'Matters of today'],
    day_wait: ['等待网关的数据……', 'Waiting for the gateway …'],
    accepted_in: ['{0}接单', 'accepted in {0}'],

    // requests
    q_none: ['没有待办的诉求', 'No requests'],
    q_new: ['登记诉求', 'Enter a request'],
    q_resident: ['老人编号', 'Code of the resident'],
    q_what: ['什么事', 'What it is about'],
    q_public: ['内容可以上墙公开（不含姓名、住址）', 'The words may stand on the wall (no name, no address)'],
    q_class: ['类别', 'Class'],
    q_easy: ['易', 'easy'], q_key: ['重', 'key'], q_hard: ['难', 'hard'],
    q_level_community: ['社区', 'community'], q_level_street: ['街道', 'street'], q_level_district: ['区', 'district'],
    q_state_open: ['待受理', 'open'], q_state_assigned: ['已受理', 'assigned'], q_state_in_progress: ['办理中', 'in progress'],
    q_state_waiting: ['等待中', 'waiting'], q_state_done: ['办完，待回访', 'done, call back'], q_state_rated: ['已评价', 'rated'],
    q_state_not_accepted: ['不受理', 'not accepted'],
    q_left: ['还有 {0}', '{0} left'],
    q_late: ['超期 {0}', 'overdue by {0}'],
    q_waiting_until: ['等待中，还有 {0}', 'waiting, {0} left'],
    q_owner: ['{0} 在办', '{0} deals with it'],
    q_nobody: ['还没有人受理', 'nobody has it yet'],
    q_responsible: ['谁在办', 'Who deals with it'],
    q_evidence: ['等待的依据', 'Why it waits'],
    q_reason: ['理由', 'Reason'],
    q_rating: ['评价', 'Rating'],
    q_score: ['{0} 分（满分 5 分）', '{0} of 5'],
    q_by: ['怎么来的', 'How it came'],
    q_by_desk: ['值班台登记', 'entered by the desk'], q_by_device: ['按了求助键', 'request key pressed'],
    q_accept: ['受理', 'Take it'],
    q_assign: ['指派给', 'Assign to'],
    q_start: ['开始办理', 'Start'],
    q_wait: ['等待', 'Wait'],
    q_wait_days: ['等几天', 'For how long'],
    q_days: ['{0} 天', '{0} d'],
    q_evidence_needed: ['依据（必填）', 'Evidence (needed)'],
    q_reason_needed: ['理由（必填）', 'Reason (needed)'],
    q_done: ['办完了', 'Done'],
    q_done_what: ['怎么办的（必填）', 'What was done (needed)'],
    q_escalate: ['提请上一级', 'Ask the next level'],
    q_not_accepted: ['不受理', 'Do not accept'],
    q_reclass: ['改为“{0}”', 'Class “{0}”'],
    q_rate: ['回访评价', 'Call back, rating'],
    q_ask: ['老人满意吗', 'Is the resident content'],
    q_score_5: ['很满意', 'very'], q_score_4: ['满意', 'yes'], q_score_3: ['一般', 'fair'], q_score_2: ['不满意', 'no'], q_score_1: ['很不满意', 'not at all'],

    // visits
    v_in: ['上门签到', 'Check in'],
    v_out: ['离开签退', 'Check out'],
    v_now: ['正在上门', 'Visit going on'],
    v_since: ['{0} 签到，已 {1}', 'since {0}, {1}'],
    v_hour: ['时间够了才计入，还差 {0}', 'counts when it was long enough, {0} to go'],
    v_counts: ['时间已够，可以计入', 'Long enough: it counts'],
    v_more: ['另有 {0} 张床位没有列出，可直接输入老人编号', '{0} more beds are not listed'],
    v_service: ['服务', 'Service'],
    v_clean: ['助洁', 'cleaning'], v_meals: ['助餐', 'meals'], v_bath: ['助浴', 'bath'], v_medical: ['助医', 'medical'], v_company: ['陪伴', 'company'],
    v_errand: ['代办', 'errand'], v_other: ['其他', 'other'],
    v_proof: ['床位码（贴在床头，可不填）', 'Bed code (at the bed; optional)'],
    v_find: ['找老人', 'Find a resident'],
    v_beds: ['我的床位', 'My beds'],
    v_no_bed: ['没有找到', 'None found'],
    v_of_plan: ['今年 {0} / {1} 次', '{0} of {1} this year'],
    v_done: ['今年 {0} 次', '{0} this year'],
    v_hours: ['{0} 小时', '{0} h'],

    // vitals of a day, the record
    c_show: ['看近一天体征', 'Vitals of the last day'],
    c_title: ['近一天体征', 'Vitals of the last day'],
    c_wait: ['正在取……', 'Coming …'],
    c_none: ['近一天没有体征数据', 'No readings in the last day'],
    c_range: ['{0}–{1} {2}', '{0} to {1} {2}'],
    c_last: ['最近 {0}（{1}）', 'last {0} ({1})'],
    c_limits: ['限值 {0}–{1}', 'limits {0} to {1}'],
    c_low: ['下限 {0}', 'lower limit {0}'], c_high: ['上限 {0}', 'upper limit {0}'],
    r_title: ['网关的完整记录', 'The gateway’s record'],
    r_show: ['查看', 'Show'],
    r_again: ['再看一次', 'Show again'],

    // me
    account: ['账号', 'Account'],
    site: ['社区代码', 'Site'],
    broker: ['服务器', 'Server'],
    logout: ['退出登录', 'Log out'],
    logout_sure: ['退出后本机收不到警报，要重新扫码才能登录。', 'This phone will get no alerts, and needs the QR code again.'],
    try_sound: ['试一下响声', 'Try the sound'],
    log: ['今天本机的记录', 'What this phone heard today'],
    log_none: ['今天还没有记录', 'Nothing today'],

    // desk
    desk: ['值班台', 'Desk'],
    all_open: ['全部未结', 'All open'],
    ladder: ['第 {0} 级 / 共 {1} 级', 'tier {0} of {1}'],
    round: ['第 {0} 轮', 'round {0}'],
    told: ['已呼叫 {0} 人，送达 {1} 人', '{0} told, {1} received'],
    figures: ['数字', 'Figures'],
    roster: ['在岗', 'On duty'],
    gaps: ['缺岗', 'Gaps'],
    gap_none: ['没有缺岗', 'No gaps'],
    gap_grid: ['网格 {0} 无人值班', 'Grid {0}: nobody on duty'],
    faults: ['设备故障、失去保护', 'Devices in fault, unprotected'],
    fault_none: ['没有', 'None'],
    not_here: ['尚未呼叫到本台', 'not called to this desk yet'],
    board_wait: ['等待看板数据……', 'Waiting for the board …'],
    board_old: ['看板 {0} 没有更新！', 'The board is {0} old!'],
    f_open: ['未结', 'Open'],
    f_unanswered: ['无人接', 'Unanswered'],
    f_opened: ['今日报警', 'Raised today'],
    f_resolved: ['今日办结', 'Resolved today'],
    f_accept: ['平均接单', 'Mean time to accept'],
    degraded: ['网关暂时不能存盘，报警照常', 'The gateway cannot record for now; alarms go on'],
    problems: ['问题墙', 'Problems'],
    answers: ['回音壁', 'Echoes'],
    emergencies: ['警情', 'Alerts'],
    answers_none: ['还没有办完的诉求', 'Nothing answered yet'],
    problems_none: ['没有未办的诉求', 'No open requests'],
    unprotected: ['失去保护的老人', 'Residents without a working device'],
    unprotected_none: ['没有', 'None'],
    echoes: ['回音壁', 'Echoes'],
    echo_none: ['今天还没有办结', 'Nothing resolved yet'],
    since: ['自 {0} 起', 'since {0}'],
    resolved_in: ['{0}接单，{1}办结', 'accepted in {0}, resolved in {1}'],
    wall: ['大屏', 'Wall']
  };

  const kinds = {
    sos: ['呼救', 'SOS'], smoke_clear: ['烟雾恢复', 'Smoke cleared'], heat_clear: ['高温恢复', 'Heat cleared'], gas_clear: ['燃气恢复', 'Gas cleared'], co_clear: ['一氧化碳恢复', 'CO cleared'], fall: ['跌倒', 'Fall'], smoke: ['烟雾报警', 'Smoke'], heat: ['高温报警', 'Heat'], gas: ['燃气报警', 'Gas'],
    co: ['一氧化碳报警', 'Carbon monoxide'], tamper: ['设备被拆动', 'Tampering'], fault: ['设备故障', 'Device fault'], request: ['求助', 'Request'],
    vital: ['体征异常', 'Vital sign'], inactivity: ['长时间无活动', 'No activity'], wandering: ['离开安全范围', 'Left home'], battery: ['电量低', 'Battery low'], system: ['系统故障', 'System'],
    unknown: ['不明报警', 'Unknown alarm'], unparsed: ['看不懂的报警', 'Unreadable alarm'], cancel: ['取消', 'Cancelled'], test: ['测试', 'Test']
  };
  const vitals = {
    hr: ['心率', 'heart rate', '次/分', '/min'], spo2: ['血氧', 'oxygen', '%', '%'], sys: ['收缩压', 'systolic', 'mmHg', 'mmHg'],
    dia: ['舒张压', 'diastolic', 'mmHg', 'mmHg'], temp: ['体温', 'temperature', '℃', '°C'], resp: ['呼吸', 'breathing', '次/分', '/min']
  };
  const roles = {
    worker: ['网格员', 'grid worker'], backup: ['替班', 'backup'], 'building-head': ['楼栋长', 'building head'], 'property-guard': ['物业', 'property guard'],
    'fire-station': ['微型消防站', 'fire station'], nurse: ['护理员', 'nurse'], carer: ['同住照护人', 'carer'], family: ['家属', 'family'], neighbour: ['邻居', 'neighbour'],
    community: ['社区值班台', 'community desk'], 'night-desk': ['夜间值班台', 'night desk'], street: ['街道值班台', 'street desk'], district: ['区值班台', 'district desk'],
    operator: ['网关运维', 'operator'], supervisor: ['督导', 'supervisor']
  };
  const states = {
    alerting: ['呼叫中', 'calling'], accepted: ['已接单', 'accepted'], on_scene: ['已到场', 'on scene'], resolved: ['已办结', 'resolved'], closed: ['已关闭', 'closed']
  };
  const told = {
    sent: ['已通知', 'told'], delivered: ['已送达', 'received'], seen: ['已看到', 'seen'], declined: ['去不了', 'cannot go'],
    helper: ['来帮忙', 'helps'], owner: ['已接单', 'has it'], failed: ['没有送到', 'not reached']
  };
  const reasons = {
    opened: ['新警报', 'new'], tier: ['叫到下一级', 'next tier called'], renotify: ['还没有人接单', 'nobody has accepted yet'], pressed: ['又按了一次', 'pressed again'],
    three_presses: ['一分钟内按了三次', 'three presses in a minute'], upgraded: ['情况升级', 'more serious now'], loop: ['全部重新呼叫', 'everybody is called again'],
    empty: ['上一级无人可叫', 'nobody in that tier'], no_receipt: ['手机没有收到', 'not received'], all_declined: ['都去不了', 'all declined'], joined: ['您已上岗', 'you are on duty now'],
    remind: ['提醒：请到场', 'reminder to arrive'], arrive_late: ['到场超时，重新呼叫', 'not there in time, called again'], arrive_max: ['一直没有人到场', 'nobody on scene yet'],
    reconfirm: ['老人又按了，请回应', 'pressed again: please answer'], released: ['有人退单', 'given back'], handle_late: ['办结超时', 'overdue'], reopened: ['重新打开', 'reopened'],
    still_active: ['探测器仍在报警', 'still alarming'], cancelled: ['老人取消了，请核实', 'cancelled by the resident, please check'], condition: ['探测器有变化', 'the sensor says something else'],
    backup: ['请求增援', 'backup asked for'], handover: ['转交给您', 'handed over to you'], level_up: ['提升一级', 'level up'], fire119: ['请决定是否报 119', 'decide about 119'],
    handed_off: ['已联系外援', 'agency was called'], catch_up: ['网关停机期间到期', 'due while the gateway was down'], test: ['测试', 'test'], limit: ['超过限值', 'beyond the limit'],
    unknown_source: ['未登记的设备', 'unknown device'], unparsed: ['内容看不懂', 'unreadable'], stale: ['可能是旧报警，请核实', 'may be old: please check'],
    no_incident: ['没有这个编号', 'no such number'], not_yours: ['您没有这个权限，或还没有叫到您', 'not yours to do'], wrong_state: ['现在的状态不能这样做', 'not possible in this state'],
    no_proof: ['缺少到场凭据', 'proof of arrival missing'], bad_outcome: ['结果不对', 'no such outcome'], still_burning: ['探测器还没有恢复，不能办结', 'the sensor still alarms'],
    several: ['有多条，请带编号', 'several are open'], too_early: ['太早了', 'too early'], open_matters: ['还有未办结的警报', 'open matters'], old_round: ['警报已更新，请再看一次', 'the alert has changed, look again'],
    not_arrived: ['还没有到达，不能办结', 'not arrived yet'], twice: ['只能延时一次', 'only once'], unknown_action: ['网关不认识这个操作', 'unknown action'], unknown_worker: ['名册里没有您', 'you are not in the registry'],
    busy: ['您手上还有一条特急，这条算帮忙', 'you have another urgent one; counted as help'], helper: ['同事已接，您算帮忙', 'a colleague has it; counted as help'], bad_request: ['内容不对', 'bad request'], retained: ['旧消息', 'retained'],
    lost: ['设备失联', 'the device is silent'], battery_low: ['电量低，请安排更换', 'battery low: plan its replacement'], battery_empty: ['电量快用完了', 'the battery is nearly empty'],
    mains: ['断电了，在用电池', 'runs on its battery'], not_worn: ['没有戴', 'not worn'], signal: ['信号弱', 'weak signal'], skew: ['设备时间不准', 'its clock is wrong'],
    no_data: ['没有体征数据', 'no readings come'], proof: ['很久没有测试', 'not tried for too long'], area: ['一片设备同时失联', 'many devices of one place are silent'],
    shelved: ['已暂停', 'put aside for a time'], busy_worker: ['网格员手上太多，同时叫了上级', 'the worker has too many: more are called'], tried: ['按键测试', 'a test press'],
    away: ['老人外出', 'the resident is away'], sustained: ['持续超限', 'beyond the limit, and again'], rate: ['变化太快', 'changes too fast'],
    score: ['早期预警评分高', 'the early warning score is high'], inactive: ['长时间没有动静', 'no sign of life at home'],
    visit_open: ['另有一次上门未签离，请先签离', 'another visit is open: check out first'],
    no_visit: ['没有进行中的上门', 'no visit is open'],
    visit_short: ['时长不足，不计次', 'too short: does not count'],
    visit_forgotten: ['上门后没有签离：请签离；超时的不计次，由社区更正', 'nobody has checked out: do so now; after the limit it does not count, and a desk corrects it'],
    clock: ['时钟不可信，时长不明，由社区更正', 'the clock could not be believed: how long it was, a desk must say'],
    no_note: ['请写明理由', 'a reason must be given'],
    no_motion: ['长时间未见走动', 'no motion for long'],
    no_water: ['长时间未用水', 'no water used for long'],
    no_door: ['长时间未开门', 'the door was not opened for long'],
    in_bed: ['到点仍未起床', 'still in bed'],
    left_home: ['离开安全范围', 'has left the circle around home'],
    held: ['等待本人取消', 'waits for the resident to cancel it'],
    assigned: ['指派给您', 'assigned to you'],
    started: ['开始办理', 'work has begun'],
    assign_late: ['限时内无人受理，上报一级', 'taken by nobody in time: raised by one level'],
    level_late: ['本级限时已过，督办', 'the limit of this level has passed'],
    escalated: ['本级办不了，已上报', 'handed up by a person'],
    waiting: ['等待条件具备', 'waits for something'],
    wait_over: ['等待期满，请继续办理', 'the time of waiting is over: go on'],
    call_back: ['已办完，请回访老人并评价', 'done: call the resident and ask'],
    rated: ['已回访评价', 'rated by the resident'],
    dissatisfied: ['老人不满意，上一级重办', 'the resident is not satisfied: again, one level up'],
    not_accepted: ['不受理', 'not accepted'],
    emergency: ['内容紧急，已转 SOS 呼救', 'an emergency: an SOS is called besides'],
    no_text: ['请写明内容、凭据或理由', 'say what it is about, the evidence or the reason'],
    too_long: ['等待时间累计超限', 'waiting has a limit in total'],
    top_level: ['已是最高一级', 'there is nobody further up']
  };
  // rows of the gateway's record
  const steps = {
    event: ['设备发来', 'from the device'], opened: ['立案', 'opened'], tier: ['叫到下一级', 'next tier'], loop: ['全部重新呼叫', 'everybody again'], notified: ['已呼叫', 'told'],
    attempt: ['没有送到', 'not reached'], delivered: ['已送达', 'received'], seen: ['已看到', 'seen'], accepted: ['接单', 'accepted'], helper: ['来帮忙', 'helps'],
    declined: ['去不了', 'cannot go'], arrived: ['到达', 'arrived'], resumed: ['重新呼叫', 'called again'], released: ['退单', 'given back'], resolved: ['办结', 'resolved'],
    reopened: ['重新打开', 'reopened'], closed: ['归档', 'closed'], cancel: ['老人取消', 'cancelled'], condition: ['探测器变化', 'the sensor changed'], pressed: ['又按了一次', 'pressed again'],
    upgraded: ['情况升级', 'more serious'], reminded: ['提醒', 'reminded'], extended: ['延时', 'more time'], handover: ['转交', 'handed over'], handoff: ['联系外援', 'agency'],
    confirmed: ['已确认', 'confirmed'], backup: ['请求增援', 'backup'], fire119: ['119 决定', '119'], skipped: ['无人可叫', 'nobody there'], refused: ['被拒绝', 'refused'],
    viewed: ['有人查看', 'looked at'], requested: ['登记', 'entered'], waiting: ['等待', 'waits'], rated: ['评价', 'rated'], reclassed: ['改类别', 'class changed'],
    not_accepted: ['不受理', 'not accepted'], escalated: ['提请上一级', 'one level up'], arrive_max: ['一直没有人到场', 'nobody on scene'], handle_late: ['办结超时', 'overdue'],
    reconfirm: ['请回应', 'asked to answer'], device: ['设备状态', 'the device'], system: ['网关', 'the gateway'], audit: ['自查补上', 'mended by the gateway'], test: ['测试', 'test'], reading: ['体征', 'reading'], coming: ['在路上', 'on the way'], linked: ['关联', 'linked']
  };
  const causes = {
    broker: ['消息服务器连不上', 'the broker cannot be reached'], store: ['数据库故障', 'the database fails'], roster: ['有一级没有人可叫', 'a tier has nobody who can be called'],
    takeover: ['网关的连接被占用', 'somebody else uses the gateway’s connection'], channel: ['外呼通道故障', 'a program channel fails'], table: ['登记表满了', 'a table is full'],
    clock: ['时钟不可信', 'the clock cannot be trusted'], canary: ['自检报警没有返回', 'the synthetic alarm did not come back'], drill: ['演练', 'drill']
  };

  H.english = false;
  try { H.english = localStorage.getItem('huying.language') === 'en'; } catch (e) { /* private mode: Chinese */ }

  function fill(text, values) {
    return text.replace(/\{(\d)\}/g, function (all, n) { return values[n] === undefined ? '' : String(values[n]); });
  }
  // t('waited', '3:02')
  H.t = function (key) {
    const pair = words[key];
    if (!pair)
      return key;
    return fill(pair[H.english ? 1 : 0], Array.prototype.slice.call(arguments, 1));
  };
  function look(table) {
    return function (word) {
      const pair = table[word];
      return pair ? pair[H.english ? 1 : 0] : String(word || '');
    };
  }
  H.kind = look(kinds);
  H.role = look(roles);
  H.state = look(states);
  H.told = look(told);
  // A word that came after us says nothing: the alert's own line stands beside it.
  H.reason = function (word) { return reasons[word] ? look(reasons)(word) : ''; };
  H.cause = look(causes);
  H.step = look(steps);
  H.outcome = function (word) { return words['o_' + word] ? H.t('o_' + word) : String(word); };
  H.action = function (word) { return words['a_' + word] ? H.t('a_' + word) : String(word); };
  H.vital = function (name) {
    const v = vitals[name];
    return v ? {name: v[H.english ? 1 : 0], unit: v[H.english ? 3 : 2]} : {name: String(name), unit: ''};
  };
  H.language = function (english) {
    H.english = english;
    try { localStorage.setItem('huying.language', english ? 'en' : 'zh'); } catch (e) { /* for this visit only */ }
    document.documentElement.lang = english ? 'en' : 'zh-CN';
  };
  document.documentElement.lang = H.english ? 'en' : 'zh-CN';
})();
