/* The program hitherto (and, with HTH_DOUBLE, hitherto64): all is in cli_main. */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv);
}
