/* Digits of a number in a file of text. */
#ifndef HTH_WATCH_DIGITS_H
#define HTH_WATCH_DIGITS_H

#include "base/base.h"

/* Enough to read the same number back. */
enum { HTH_DIGITS = sizeof(hth_real) == sizeof(double) ? 17 : 9 };

#endif
