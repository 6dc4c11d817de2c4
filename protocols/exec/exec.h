/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Programs as channels: each [Channel NAME] of the configuration is a program that gets the notice as JSON
 * on standard input: siren, SMS, voice. See exec.c.
 *
 * Exit status 0 within the channel's time means that the message was taken for good.
 */
#include "config/config.h"
#include "protocols/port.h"

typedef struct Exec Exec;

/* Keeps nothing of the Config. Without a channel it is a port that takes nothing. */
int exec_new(Exec **ret, PortHost *, const Config *, Port *ret_port);
/* A program that still runs is asked to end, and not waited for. */
Exec *exec_free(Exec *);
