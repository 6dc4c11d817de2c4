/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every decoder promises for any bytes, as code that ends the process when it is broken. Each target is one file
 * with libFuzzer's entry; main.c makes a plain program of it, which runs a folder of inputs as a test.
 */
#include "protocols/codec/codec.h"

#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The one codec of the process. */
Codec *fuzz_codec(void);
/* An event with a copy of the bytes as its body; what readers own is filled with rubbish. */
Event fuzz_event(const uint8_t *data, size_t size);
/* Read once more by SQLite, where it may have been plain: it must be the same event. */
void fuzz_twin(const Event *, void (*read)(Codec *, Event *));
/*
 * The event after a reader: type is one of the bits of `types`, the body is untouched, texts are UTF-8 and end, and
 * alerts and records made from it are valid JSON. Frees the body.
 */
void fuzz_check(Event *, const uint8_t *data, size_t size, uint32_t types);
