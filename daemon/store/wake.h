/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An eventfd as a bell: rung any number of times, heard once. */

void signal_fd(int fd);
void drain_fd(int fd);
