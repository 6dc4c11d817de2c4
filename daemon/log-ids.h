/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Message ids of the log: one entry in English and one in Chinese for each in systemd/huyingd.catalog. */

#define LOG_ID_STARTED        "94df1f75f35c4d97a336be4313a58cc2"
#define LOG_ID_STOPPED        "04917baa8fc14c5a8e5d5650ef6dea12"
#define LOG_ID_CONFIG         "108f792bc5314ffcbe03b0e0c96f63d5"
#define LOG_ID_REGISTRY       "b720f3a8873641c494a25f4b6cbb6d59"
#define LOG_ID_OPENED         "5220dc24f15740d582651843d792ef59"
#define LOG_ID_TIER           "0ecfcc78dadb448e95e9c5502c359f56"
#define LOG_ID_ACCEPTED       "b57fc568da5948e2a3a57e5f95a2b360"
#define LOG_ID_ARRIVED        "5c3283fa74404e008eb8995d051795a4"
#define LOG_ID_RESOLVED       "5c5edcde029a452ebc0a89101f558d43"
#define LOG_ID_CLOSED         "abf4cebff95d4ea6ada73dacc95a936f"
#define LOG_ID_SYSTEM         "64b409db75e24ee09665cd14da90ecde"
#define LOG_ID_STORE_DEGRADED "96d851e36b5e4fd991e9889f8459f5c3"
#define LOG_ID_STORE_BACK     "aa7b5142bbfb44ef9e6f498ca668e1f4"
#define LOG_ID_BROKER_LOST    "6ed3a5ef72804df1ae61415e8a06479b"
#define LOG_ID_BROKER_BACK    "c09b38e1dd794022bc1ba47393d9e893"
#define LOG_ID_UNPARSED       "a7c0e7a93eb74dd58397c7f2aa794479"
#define LOG_ID_JOURNAL_STALLED "3b0f6c2c5a5e4f0c8d1c1f0f2b7f9a41"
