/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Three-way results, as dbus-broker has them.
 *
 * 0 is success. A negative errno is fatal: it is never matched, only passed up through error_trace(), which
 * notes where it came by. A positive value is a documented condition (NOUN_E_X) that the caller must handle
 * and never forwards. ret_ parameters are untouched unless the result is 0 (or a documented condition).
 */

/* Notes the place and returns r: `return error_origin(-ENOMEM);` `if (r < 0) return error_trace(r);` */
#define error_origin(r) error_note((r), __FILE__, __LINE__, __func__)
#define error_trace(r)  error_note((r), __FILE__, __LINE__, __func__)

/* Logs a negative r at debug level with its place; returns r. */
int error_note(int r, const char *file, int line, const char *func);
