# SPDX-License-Identifier: Apache-2.0
"""Deliberate bugs, each one a small change of one file: (name, file, old text, new text).

The old text stands exactly once in the file, or the mutant counts as broken: a list that no longer fits is a finding.
"""

TURN, OUTBOX, INBOX = "daemon/turn.c", "daemon/outbox.c", "daemon/inbox.c"
E = "daemon/engine/"
DISK, CHAIN = "tests/sim/disk.c", "tests/sim/chain.c"
REQUEST, RECORD = E + "request.c", "daemon/store/journal.c"

PUSH = "        ring_push(&t->calm, e);\n}"


def too_early(effect):
    return PUSH.replace("ring_push(&t->calm, e);", f"ring_push(&t->calm, e);\n        if (e->type == {effect})\n"
                        "                ring_at(&t->calm, t->calm.n - 1)->seq = 1;")


MUTANTS = [
    # the turn: the promise about the disk
    ("receipt-before-commit", TURN, PUSH, too_early("EFFECT_RECEIPT")),
    ("reply-before-commit", TURN, "ring_first(&t->replies, released)", "ring_first(&t->replies, UINT64_MAX)"),
    ("lamp-before-commit", TURN, PUSH, too_early("EFFECT_LAMP")),
    ("committed-when-submitted", TURN, "if (s.committed_seq > t->committed)\n                t->committed = s.committed_seq;",
     "t->committed = engine_next_seq(t->engine) - 1;"),
    ("state-row-forgotten", TURN, "if (engine_state_row(t->engine, e->incident, now, &t->row))\n                                store_txn_state(t->txn, &t->row);\n                        txn_touch",
     "if (engine_state_row(t->engine, e->incident, now, &t->row) && t->row.state != STATE_ACCEPTED)\n                                store_txn_state(t->txn, &t->row);\n                        txn_touch"),
    ("key-forgotten", TURN, "store_txn_key(t->txn, &e->key);", ";"),
    ("restored-not-written-again", TURN, "        outbox_adopt(t->outbox, clock_now());\n        turn_look(t);", "        outbox_adopt(t->outbox, clock_now());"),
    ("merge-not-looked-at", TURN, "                else\n                        turn_adopt(t);", "                else\n                        outbox_adopt(t->outbox, now);"),
    ("begun-anew-without-what-is-open", TURN, "                t->anew = s->anew;\n                rows_resubmit(t, now);", "                t->anew = s->anew;"),
    ("timer-for-nothing", TURN, "                t->urgent = false;\n                t->lazy_us = UINT64_MAX;\n                return;", "                return;"),
    # the outbox
    ("raise-after-commit", OUTBOX, "t->deferred = is_calming(o, v, t->worker) && o->released < v->last_seq;",
     "t->deferred = o->released < v->last_seq;"),
    ("backup-asked-for-nothing", OUTBOX, "v->backup_seq && rv->seq >= v->backup_seq", "false"),
    ("deferred-call-is-none", OUTBOX, "t->deferred ? due_call(t, v.priority, true)\n                                : changed   ?", "changed ?"),
    ("stand-down-before-commit", OUTBOX, "fresh_next(&o->fresh, committed, released, &f)", "fresh_next(&o->fresh, committed, UINT64_MAX, &f)"),
    ("outbox-row-dropped-early", OUTBOX, "store_txn_outbox_put(txn, e->incident, t->worker, t->channel, e->seq);",
     "store_txn_outbox_put(txn, e->incident, t->worker, t->channel, e->seq);\n        store_txn_outbox_drop(txn, e->incident, t->worker, t->channel, e->seq);"),
    # receipts and repeats
    ("receipt-for-a-repeat-before-its-row", E + "device.c",
     "emit_receipt(e, ev, (ReceiptResult)known->result, known->incident, known->seq);",
     "emit_receipt(e, ev, (ReceiptResult)known->result, known->incident, 0);"),
    ("repeat-swallows-a-press", E + "device.c",
     "age == KEY_OLD || memcmp(known->digest, ev->digest, sizeof(known->digest)) != 0)", "age == KEY_OLD)"),
    ("key-window-ignored", E + "keys.c", "return age < KEY_US ? KEY_FRESH : KEY_OLD;", "return age < 0 ? KEY_OLD : KEY_FRESH;"),
    ("source-not-in-the-key", INBOX, "{{&type, 1}, {e->source, strlen(e->source) + 1},", "{{&type, 1}, {e->source, 1},"),
    ("press-not-called-again", E + "incident.c",
     "notice_mark(e, in, ladder_reached(in), REASON_PRESSED, e->at);", "(void)e;"),
    # the ladder
    ("tier-skipped", E + "ladder.c", "enter(e, in, plan_next(&in->plan, *tier_of(in)), due, REASON_TIER, false);",
     "enter(e, in, plan_next(&in->plan, plan_next(&in->plan, *tier_of(in))) ? plan_next(&in->plan, plan_next(&in->plan, *tier_of(in))) : plan_next(&in->plan, *tier_of(in)), due, REASON_TIER, false);"),
    ("tier-late", E + "ladder.c", "timer_set(e, in, TIMER_TIER, at + ladder_distance(in, tier));",
     "timer_set(e, in, TIMER_TIER, at + 2 * ladder_distance(in, tier));"),
    ("tier-counted-from-when-it-was-applied", E + "ladder.c", "timer_set(e, in, TIMER_TIER, at + ladder_distance(in, tier));",
     "timer_set(e, in, TIMER_TIER, e->at + ladder_distance(in, tier));"),
    ("loop-slow", E + "ladder.c", "timer_set(e, in, TIMER_LOOP, ladder_by_day(e, in, at + (int64_t)in->plan.loop_us));\n        timer_set(e, in, TIMER_RENOTIFY,",
     "timer_set(e, in, TIMER_LOOP, ladder_by_day(e, in, at + 5 * (int64_t)in->plan.loop_us));\n        timer_set(e, in, TIMER_RENOTIFY,"),
    ("loop-gives-up", E + "ladder.c", "static void loop(Engine *e, Incident *in, int64_t at)\n{\n",
     "static void loop(Engine *e, Incident *in, int64_t at)\n{\n        if (in->round > 3) {\n                timer_set(e, in, TIMER_LOOP, NEVER - 1);\n                timer_off(e, in, TIMER_TIER);\n                return;\n        }\n"),
    ("renotify-never", E + "ladder.c", "        if (bits & reached) /*", "        if (bits & reached & 0) /*"),
    ("resume-calls-one-tier", E + "ladder.c",
     "        in->skip_done &= (uint8_t)~BIT(tier - 1);\n        notice_mark(e, in, ladder_reached(in), reason, at);",
     "        in->skip_done &= (uint8_t)~BIT(tier - 1);\n        notice_mark(e, in, PENDING_TIER(tier), reason, at);"),
    # time
    ("timer-dropped-at-restart", E + "state.c", "(int64_t)get(i, 8) : NEVER;",
     "(int64_t)get(i, 8) : NEVER;\n        if (armed & BIT(TIMER_RENOTIFY))\n                in->due[TIMER_RENOTIFY] = NEVER;"),
    ("timers-anew-at-restart", E + "state.c", "        /* Whoever was called while we were down",
     "        for (unsigned t = 0; t < TIMER_MAX; t++)\n                if (in->due[t] != NEVER && t == TIMER_TIER)\n                        in->due[t] = e->at + full_time(e, in, (Timer)t);\n        /* Whoever was called while we were down"),
    ("deadline-begun-again-at-each-start", E + "state.c", "latest[t] = is_anew((Timer)t) ? NEVER : moved(in->due[t], -newest);",
     "latest[t] = newest == 0 || is_anew((Timer)t) ? NEVER : NEVER;", "tests/unit/unit-engine-restore"),
    ("morning-by-a-wrong-clock", E + "engine.c", "e->clock_moved = e->ahead_known &&", "e->clock_moved = false && e->ahead_known &&",
     "tests/unit/unit-engine-restore"),
    ("phone-rung-again-after-a-restart", E + "state.c", "channel_restore(e, in, offset);", ";", "tests/unit/unit-engine-channels"),
    ("wall-clock-decides", E + "engine.c", "                e->at = (int64_t)now.boot_us;\n", "                e->at = (int64_t)now.boot_us;\n        if (now.wall_us / 1000000 - 1790000000 < -100000 && e->at > 100000000)\n                e->at = e->now.boot_us ? (int64_t)e->now.boot_us - 60000000 : e->at;\n"),
    ("late-flag-missing", E + "emit.c", "row->late = is_late(e, at);", "row->late = false;"),
    # people
    ("accepted-twice", E + "action.c", "                if (in->successor != a->worker)\n                        return action_helper(e, a, REASON_HELPER);",
     "                (void)0;"),
    ("helper-stops-the-ladder", E + "action.c", "        if (!can(a, RIGHT_ACCEPT))\n                return action_helper(e, a, REASON_HELPER);", ""),
    ("arrival-awaited-for-ever", E + "incident.c", "timer_set(e, in, TIMER_ARRIVE_BY, e->at + eta);",
     "timer_set(e, in, TIMER_ARRIVE_BY, e->at + 10 * eta);"),
    ("longest-time-ignored", E + "incident.c", "                timer_set(e, in, TIMER_ARRIVE_MAX, at + (int64_t)in->plan.arrive_max_us);",
     "                (void)at;"),
    ("anybody-resolves", E + "action.c", "        if (!can(a, RIGHT_RESOLVE) || !(a->owner || a->entitled))\n                return refused(REASON_NOT_YOURS);\n        if (on_scene && !there && !supervisor)\n                return refused(REASON_NOT_YOURS);", ""),
    # conditions
    ("cleared-sensor-closes", E + "source.c", "        if (in->cond == CONDITION_CLEARED)\n",
     "        if (in->cond == CONDITION_CLEARED && state_open(in->state)) {\n                incident_resolve(e, in, 0, \"helped\", false);\n                return;\n        }\n        if (in->cond == CONDITION_CLEARED)\n"),
    ("fire-closed-while-it-burns", E + "incident.c", "if (in->group == GROUP_FIRE && in->cond == CONDITION_ACTIVE) {\n                        incident_reopen",
     "if (in->group == GROUP_FIRE && in->cond == CONDITION_UNKNOWN) {\n                        incident_reopen"),
    ("cancel-stops-the-ladder", E + "incident.c", "slower = 3 * own;", "slower = 300 * own;\n                if (1) {\n                        in->slow_us[i] = slower;\n                        continue;\n                }"),
    ("wanderer-not-believed", E + "geofence.c", "} else if (e->at - a->outside_us >= delay) {", "} else if (e->at - a->outside_us >= 100 * delay) {"),
    # the tables
    ("twin-not-found-again", E + "table.c", "                if (e->twins)\n", "                if (e->twins && e->at < 0)\n"),
    # the disk
    ("disk-reports-too-much", DISK, "*ret = (StoreStatus){.committed_seq = disk.last_seq,", "*ret = (StoreStatus){.committed_seq = disk.last_seq + 3,"),
    ("disk-loses-an-outbox-row", DISK, "        case OP_PUT:\n        case OP_DROP: apply_outbox(op); break;", "        case OP_PUT: break;\n        case OP_DROP: apply_outbox(op); break;"),
    ("disk-commits-out-of-order", DISK, "                for (size_t i = 0; i < t->n; i++) {", "                for (size_t i = t->n; i-- > 0;) {"),
    ("restart-loses-a-matter-of-a-database-begun-anew", DISK, "int r = engine_restore(engine, disk.states[i], now);",
     "int r = !live->reopened && world.history_lost && i % 4 == 0 ? 0 : engine_restore(engine, disk.states[i], now);"),
    # requests
    ("request-hop-skipped", REQUEST, "        uint8_t next = plan_next(&in->plan, in->tier);\n        bool late =",
     "        uint8_t over = plan_next(&in->plan, in->tier), next = plan_next(&in->plan, over) ? plan_next(&in->plan, over) : over;\n        bool late ="),
    ("request-that-nobody-takes-stays", REQUEST, "timer_set(e, in, TIMER_TIER, assign_end(e, in, at));", "timer_set(e, in, TIMER_TIER, in->due[TIMER_LEVEL]);"),
    ("waiting-never-ends", REQUEST, "timer_set(e, in, TIMER_WAIT, e->at + (int64_t)span);", "timer_set(e, in, TIMER_WAIT, e->at + 99 * (int64_t)span);"),
    ("request-closed-because-nobody-asked", REQUEST, "        case TIMER_REOPEN_UNTIL: /* asked, but not closed: that is for people */\n",
     "        case TIMER_REOPEN_UNTIL:\n                incident_close(e, in, due, REASON_NONE, 0);\n                return true;\n"),
    # the journal's chain
    ("chain-skips-a-row", CHAIN, "        memcpy(chain.head.hash, row->hash, HASH_SIZE);",
     "        if (j->kind != JOURNAL_ACCEPTED)\n                memcpy(chain.head.hash, row->hash, HASH_SIZE);"),
    ("chain-goes-on-from-a-row-that-failed", CHAIN, "        rows_cut(chain.synced);\n        head_read();", "        rows_cut(chain.synced);"),
    ("chain-goes-on-from-a-row-that-was-lost", CHAIN, "        head_read();\n        verify_from(chain.verified);", "        verify_from(chain.verified);"),
    ("record-without-the-row-before", RECORD, "p = put_bytes(p, prev, HASH_SIZE);", "p = put_bytes(p, body_hash, HASH_SIZE);"),
    ("record-without-its-incident", RECORD, "p = put_be(p, j->incident, 8);", "p = put_be(p, 0, 8);"),
]
