/* sum = product { +- product }, product = factor { * / factor }, factor = number | name | ( sum ). */
#include "base/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

typedef struct reader {
    const char *at;
    hth_look_up look_up;
    void *context;
} reader;

static double sum(reader *r);

static char next(reader *r) {
    while (*r->at == ' ') r->at++;
    return *r->at;
}

static double name(reader *r) {
    const char *begin = r->at;
    double value;
    while (isalnum((unsigned char)*r->at) || *r->at == '_') r->at++;
    if (r->at == begin) return (double)NAN;
    return r->look_up(r->context, begin, (size_t)(r->at - begin), &value) ? value : (double)NAN;
}

static double factor(reader *r) {
    const char c = next(r);
    if (c == '(') {
        r->at++;
        const double value = sum(r);
        if (next(r) != ')') return (double)NAN;
        r->at++;
        return value;
    }
    if (!isdigit((unsigned char)c)) return name(r);
    char *end;
    const double value = strtod(r->at, &end);
    r->at = end;
    return value;
}

static double product(reader *r) {
    double value = factor(r);
    for (char c = next(r); c == '*' || c == '/'; c = next(r)) {
        r->at++;
        const double by = factor(r);
        value = c == '*' ? value * by : value / by;
    }
    return value;
}

static double sum(reader *r) {
    double value = product(r);
    for (char c = next(r); c == '+' || c == '-'; c = next(r)) {
        r->at++;
        const double more = product(r);
        value = c == '+' ? value + more : value - more;
    }
    return value;
}

double hth_formula(const char *text, hth_look_up look_up, void *context) {
    reader r = {text, look_up, context};
    const double value = sum(&r);
    return next(&r) == '\0' ? value : (double)NAN;
}
