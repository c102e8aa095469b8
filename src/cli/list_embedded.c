/* hitherto list --cost --embedded: what the network of the settings takes on a chip. */
#include "cli/cli.h"
#include "session/embedded.h"

#include <stdlib.h>
#include <string.h>

static void print_row(const char *name, size_t arm, size_t riscv) {
    printf("%-32s %10zu %10zu\n", name, arm, riscv);
}

static void print_ram(const hth_embedded_size *size) {
    const hth_model_sizes *a = &size->arm, *r = &size->riscv;
    printf("%-32s %10s %10s\n", "RAM, bytes", "ARM", "RISC-V");
    print_row("model", a->model + a->compute, r->model + r->compute);
    print_row("network, with its parameters", a->network, r->network);
    print_row("tape", a->tape, r->tape);
    print_row("learner", a->learner, r->learner);
    print_row("gradient", a->gradient, r->gradient);
    print_row("optimiser", a->optimiser - size->arm_keep, r->optimiser - size->riscv_keep);
    print_row("keep", size->arm_keep, size->riscv_keep);
    print_row("RAM in all", a->total, r->total);
}

static void print_size(const hth_embedded_size *size) {
    const hth_shape *shape = &size->shape;
    printf(
        "On a chip with pointers of 32 bits: %zu %s, %zu outputs, tapes of K = %zu, one sequence "
        "at a time.\n\n",
        shape->vocabulary ? shape->vocabulary : shape->inputs,
        shape->vocabulary ? "kinds of token" : "inputs", shape->outputs, size->steps);
    print_ram(size);
}

int cli_list_embedded(const hth_config *config) {
    hth_embedded_size size = {0};
    hth_error error;
    const hth_settings settings = hth_config_settings(config);
#ifdef HTH_DOUBLE
    return cli_complain(CLI_BAD_INPUT, "--embedded is of chips, which compute in single precision: "
                                       "use the program 'hitherto'");
#endif
    if (hth_config_validate(config, &error) != HTH_OK ||
        hth_embedded_count(&settings, &size, &error) != HTH_OK)
        return cli_fail(&error);
    print_size(&size);
    return CLI_OK;
}
