/*
 * What the page of web/ shows: a signal without end, a network that learns online to say what comes next, and how wrong
 * it was, beside persistence (the newest truth that was known when the prediction was made). The same file is compiled
 * for WebAssembly and for this machine, and finds the same bits in both (tests/web/check).
 */
#ifndef WEB_ENGINE_H
#define WEB_ENGINE_H

#include <hitherto.h>

#ifdef __wasm__
#define WEB_EXPORT(name) __attribute__((export_name(#name))) name
#else
#define WEB_EXPORT(name) name
#endif

enum { WEB_MOST_UNITS = 32, WEB_MOST_AHEAD = 20 };

/* A step, as the page draws it. A prediction stands beside the truth that it was made for. */
typedef struct web_row {
    float heard, truth, prediction, persistence;
} web_row;

/* The names of what can be chosen; NULL for an index past the last one. The texts are static. */
const char *web_signal(int index);
const char *web_cell(int index);
const char *web_learner(int index);

/* Begins anew with a signal, a cell and a learner by their indices; units 1..WEB_MOST_UNITS, ahead 1..WEB_MOST_AHEAD
 * steps. Returns 0, or 1 with the reason in web_message; there is no network then. */
int web_begin(int signal, int cell, int learner, int units, int ahead, double rate, uint32_t seed);
/* Another learning rate for the network that there is, which keeps all that it knows. Returns as web_begin. */
int web_rate(double rate);
/* Whether the network learns from now on; true after web_begin. */
void web_learns(int learns);
/* Goes on by one step and writes it to web_last. Returns as web_begin. */
int web_step(void);

/* The last step; it stays where it is. */
const web_row *web_last(void);
/* Running means of the squared error over about the last 200 steps, of the network and of persistence. */
double web_error(void);
double web_persistence(void);
/* FNV-1a of every prediction since web_begin, and of the parameters as they are. */
uint32_t web_digest(void);
/* The bytes of the model: network, tape, learner, optimiser. */
unsigned web_bytes(void);
/* Why the last call failed. The text is static. */
const char *web_message(void);

#endif
