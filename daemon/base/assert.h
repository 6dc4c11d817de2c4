/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Assertions that stay on in release builds.
 *
 * They state what the program itself guarantees. Input is never asserted: bad input is counted, journaled
 * and answered. A failed assertion ends the process at once: systemd starts it again and the ladder goes
 * on from the rows on disk, which is safer than to go on with a state that contradicts itself.
 */

#define ASSERT(expr) ((expr) ? (void)0 : assert_fail(#expr, __FILE__, __LINE__, __func__))

/*
 * Memory that there is no way to go on without: a row that must be recorded. The process ends, and is started again with
 * what is on disk; nothing that it had promised anybody is lost, and whoever was not promised anything sends again.
 */
#define NEED_MEMORY(ptr) ((ptr) ? (void)0 : memory_fail(__FILE__, __LINE__, __func__))

_Noreturn void memory_fail(const char *file, int line, const char *func);
/* Writes one line to standard error and aborts. */
_Noreturn void assert_fail(const char *expr, const char *file, int line, const char *func);
