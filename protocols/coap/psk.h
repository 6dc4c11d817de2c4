/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The pre-shared keys: a file with a line "device:hexkey" for each device, '#' for comments. The device is a
 * registry code (it may hold ':'; the last one separates), the key 16 to 64 bytes in hexadecimal.
 */
#include "engine/roster.h"

#include <stddef.h>

#define PSK_KEY_MIN 16
#define PSK_KEY_MAX 64

typedef struct PskRow {
        char device[CODE_SIZE];
        uint8_t key[PSK_KEY_MAX];
        size_t key_size;
        unsigned line; /* in the file */
} PskRow;

typedef struct Psk {
        PskRow *rows; /* by device */
        size_t n;
} Psk;

enum { PSK_E_INVALID = 1 };

/* 0; PSK_E_INVALID with the line (0: the file as a whole) and a reason; or a negative errno. */
int psk_read(Psk *ret, const char *path, unsigned *ret_line, const char **ret_reason);
void psk_deinit(Psk *);                                  /* wipes the keys */
const PskRow *psk_find(const Psk *, const char *device); /* NULL: unknown */
