/* Arithmetic formulae as text ("N*P/K + 2*n"), so that what a page shows is what is computed. */
#ifndef HTH_FORMULA_H
#define HTH_FORMULA_H

#include "base/base.h"

/* The value of a name (its first `length` characters), or false: there is none. */
typedef bool (*hth_look_up)(void *context, const char *name, size_t length, double *value);

/* Numbers, names, + - * / and parentheses. NAN for what is no formula or has an unknown name. */
double hth_formula(const char *text, hth_look_up look_up, void *context);

#endif
