/* test_functions64.c as on a processor without fused multiply-add: its own copies of the functions. */
#ifndef HTH_UNFUSED
#define HTH_UNFUSED
#endif

#include "base/functions64.c"

#include "base/test_functions64.c"
