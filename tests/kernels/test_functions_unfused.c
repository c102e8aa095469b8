/* test_functions.c as on a processor without fused multiply-add. */
#ifndef HTH_UNFUSED
#define HTH_UNFUSED
#endif

#include "kernels/test_functions.c"
