/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acknowledgement protocol: from a device that repeats until its receipt, by way of a broker or by CoAP, through
 * inbox, engine and store, to a person who is called and accepts. Checked exhaustively by spin; `run` does it.
 *
 * What is modelled, and where it stands in the program:
 *   Device   repeats an event with the same id until it has the receipt (protocols/README.md)
 *   Reader   takes a message in; its PUBACK, or the CoAP answer, is held; while one is held nothing else is read
 *            from the broker, but in degraded mode (protocols/mqtt, protocols/coap)
 *   Turn     engine step, then what RAISES help, then the hand-over to the store: three steps (daemon/turn.c)
 *   Store    makes all that was handed over durable, in one transaction; may hang (daemon/store)
 *   Receipt, Puback, Reply   what calms: each after the commit that it depends on
 *   Ladder   calls on account of an incident that is open, also after a restart
 *   Worker   accepts until he is answered
 *   Faults   kill -9 between any two steps of any of them (what is in flight reaches the disk or does not), a disk
 *            that hangs, a broker that forgets what it has acknowledged, a receipt that is lost
 *
 * Each event is an incident of its own here (in the engine it may be a press in one that is open), the window of
 * known ids is larger than their number, and bytes, times and people are left out: unit tests and simulator have them.
 *
 * BUG_… plants a fault that one of the properties must find.
 */
#ifndef IDS
#define IDS 2
#endif
#ifndef COAP_MASK
#define COAP_MASK 2 /* bit i: event i comes by CoAP */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef HANGS
#define HANGS 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef BROKES
#define BROKES 1
#endif
#define BY_COAP(i) ((COAP_MASK >> (i)) & 1)

/* The world */
bool pressed[IDS], got[IDS], called[IDS], told[IDS];
bool bro[IDS]; /* the broker has the message, and the gateway has not acknowledged it */
bool req[IDS]; /* a CoAP request is on its way */
byte crashes = CRASHES, hangs = HANGS, losses = LOSSES, brokes = BROKES;
bool hung;

/* The disk */
bool row[IDS], accrow[IDS];
byte made[IDS]; /* durable incidents of this event */

/* The gateway's memory */
bool inbox[IDS], held[IDS], actbox[IDS];
bool key[IDS], known[IDS], acc[IDS]; /* the id was seen, its incident is open, somebody has it */
bool fresh[IDS], raises[IDS], flight[IDS], done[IDS];
bool accfresh[IDS], accflight[IDS], accdone[IDS];
bool receipt[IDS], reply[IDS]; /* what waits for a commit */
byte pc;
bool acted; /* people and devices have their turns by turns: nobody waits for ever in the inbox */
bool degraded;

byte n; /* only within atomic steps */

#define EACH(body) n = 0; do :: n < IDS -> body; n++ :: else -> n = 0; break od
#define IF(condition, body) if :: condition -> body :: else fi

/* A message of the broker waits for its PUBACK. */
#define ALARM_HELD (held[0] && !BY_COAP(0) || IDS > 1 && held[IDS - 1] && !BY_COAP(IDS - 1))
#define ACTS (actbox[0] || IDS > 1 && actbox[IDS - 1])
#define IN_FLIGHT (flight[0] || accflight[0] || IDS > 1 && (flight[IDS - 1] || accflight[IDS - 1]))

inline commit()
{
        EACH(IF(flight[n], row[n] = true; made[n]++; assert(made[n] <= 1)));
        EACH(IF(accflight[n], accrow[n] = true))
}

proctype Device(byte i)
{
        pressed[i] = true;
end:    do
        :: atomic { !got[i] && BY_COAP(i) && !req[i] -> req[i] = true }
        :: atomic { !got[i] && !BY_COAP(i) && !bro[i] -> bro[i] = true }
        od
}

proctype Reader(byte i)
{
end:    do
        :: atomic {
                !BY_COAP(i) && bro[i] && !held[i] && (!ALARM_HELD || degraded) ->
                held[i] = true;
                inbox[i] = true;
#ifdef BUG_ACK_FIRST
                assert(row[i] || degraded); /* PUBACK */
                bro[i] = false;
                held[i] = false
#endif
           }
        :: atomic { BY_COAP(i) && req[i] && !inbox[i] -> req[i] = false; held[i] = true; inbox[i] = true }
        od
}

proctype Turn()
{
        byte i;

end:    do
        :: atomic {
                pc == 0 && (inbox[0] || IDS > 1 && inbox[IDS - 1]) && (acted || !ACTS) ->
                acted = false;
                if
                :: inbox[0] -> i = 0
                :: inbox[IDS - 1] -> i = IDS - 1
                fi;
                inbox[i] = false;
                if
                :: key[i] -> skip /* a repeat: nothing but the same answer */
                :: else ->
                        key[i] = true;
                        known[i] = true;
                        fresh[i] = true;
                        done[i] = false;
                        raises[i] = true
                fi;
                receipt[i] = true;
                i = 0;
                pc = 1
           }
        :: atomic {
                pc == 0 && ACTS && (!acted || !(inbox[0] || IDS > 1 && inbox[IDS - 1])) ->
                acted = true;
                EACH(IF(actbox[n] && known[n], IF(!acc[n], acc[n] = true; accfresh[n] = true); reply[n] = true));
                EACH(actbox[n] = false);
                pc = 1
           }
        :: atomic { /* what raises help */
                pc == 1 ->
#ifndef BUG_DROP_EFFECTS
                EACH(IF(raises[n], called[n] = true; raises[n] = false));
#endif
                pc = 2
           }
        :: atomic { /* the hand-over */
                pc == 2 ->
                EACH(flight[n] = flight[n] || fresh[n]; fresh[n] = false);
                EACH(accflight[n] = accflight[n] || accfresh[n]; accfresh[n] = false);
#ifdef BUG_RECEIPT_FIRST
                EACH(IF(receipt[n], assert(row[n] && called[n]); got[n] = true; receipt[n] = false));
#endif
                pc = 0
           }
        od
}

proctype Store()
{
end:    do
        :: atomic {
                IN_FLIGHT && !hung ->
                commit();
                EACH(done[n] = done[n] || flight[n]; flight[n] = false);
                EACH(accdone[n] = accdone[n] || accflight[n]; accflight[n] = false);
                degraded = false
           }
        :: atomic { IN_FLIGHT && hung && !degraded -> degraded = true } /* it has not answered for two seconds */
        od
}

proctype Receipt(byte i)
{
end:    do
        :: atomic {
                receipt[i] && (done[i]
#ifdef BUG_DEGRADED_RECEIPT
                        || degraded
#endif
                        ) ->
                assert(row[i]);    /* a receipt implies a durable row */
#ifndef BUG_BLIND
                assert(called[i]); /* and that somebody was called */
#endif
                receipt[i] = false;
                IF(BY_COAP(i), held[i] = false);
                if
                :: losses > 0 -> losses--
                :: got[i] = true
                fi
           }
        od
}

/* After the commit, or when the engine holds the event and the disk does not answer. */
proctype Puback(byte i)
{
end:    do
        :: atomic {
                held[i] && !BY_COAP(i) && !inbox[i] && pc == 0 && (done[i] || degraded && key[i]) ->
                assert(row[i] || degraded);
                held[i] = false;
                bro[i] = false
           }
        od
}

proctype Reply(byte i)
{
end:    do
        :: atomic {
                reply[i] && accdone[i] ->
                assert(accrow[i]); /* no action is confirmed without its row */
                reply[i] = false;
                told[i] = true
           }
        :: atomic { /* "recorded": false: he knows, and says it again */
                reply[i] && degraded && !accdone[i] ->
#ifdef BUG_DEGRADED_REPLY
                assert(accrow[i]);
                told[i] = true;
#endif
                reply[i] = false
           }
        od
}

#ifdef BUG_DROP_EFFECTS
proctype Late(byte i) /* what raises help waits for the commit */
{
end:    do
        :: atomic { raises[i] && done[i] -> called[i] = true; raises[i] = false }
        od
}
#endif

proctype Ladder(byte i)
{
end:    do
        :: atomic { known[i] && !acc[i] && !called[i] && pc == 0 -> called[i] = true }
        od
}

proctype Worker(byte i)
{
end:    do
        :: atomic { called[i] && !told[i] && !actbox[i] && !reply[i] -> actbox[i] = true }
        od
}

proctype Faults()
{
end:    do
        :: atomic { /* kill -9, and started again */
                crashes > 0 ->
                crashes--;
                if
                :: IN_FLIGHT && !hung -> commit()
                :: true
                fi;
                EACH(inbox[n] = false; held[n] = false; actbox[n] = false);
                EACH(fresh[n] = false; raises[n] = false; flight[n] = false; done[n] = row[n]);
                EACH(accfresh[n] = false; accflight[n] = false; accdone[n] = accrow[n]);
                EACH(receipt[n] = false; reply[n] = false);
                EACH(known[n] = row[n]; acc[n] = accrow[n]);
#ifdef BUG_FORGET_DEDUP
                EACH(key[n] = false);
#else
                EACH(key[n] = row[n]);
#endif
                pc = 0;
                acted = false;
                degraded = false
           }
        :: atomic { hangs > 0 && !hung -> hangs--; hung = true }
        :: atomic { brokes > 0 && (bro[0] || bro[IDS - 1]) -> brokes--; EACH(bro[n] = false; IF(!BY_COAP(n), held[n] = false)) }
        od
}

proctype Heal()
{
end:    do
        :: atomic { hung -> hung = false }
        od
}

init
{
        atomic {
                run Device(0);
                run Reader(0);
                run Receipt(0);
                run Puback(0);
                run Reply(0);
#ifdef BUG_DROP_EFFECTS
                run Late(0);
#else
                run Ladder(0);
#endif
                run Worker(0);
#if IDS > 1
                run Device(1);
                run Reader(1);
                run Receipt(1);
                run Puback(1);
                run Reply(1);
#ifdef BUG_DROP_EFFECTS
                run Late(1);
#else
                run Ladder(1);
#endif
                run Worker(1);
#endif
                run Turn();
                run Store();
                run Heal();
                run Faults()
        }
}

/* When faults end, and each process gets its turn: whoever pressed has been called, recorded, and told so. */
ltl heard { [] (pressed[0] -> <> (called[0] && row[0] && got[0])) }
/* … and who accepts is answered, once it is durable. */
ltl answered { [] (called[0] -> <> (told[0] && accrow[0])) }
