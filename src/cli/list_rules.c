/* hitherto list --rules: which choices of a learner do not go together, from the table that also refuses them. */
#include "cli/cli.h"
#include "credit/catalogues.h"

#include <string.h>

enum { TEXT = 400 };

/* "learner.past = rank-one, kronecker"; "learner.past other than none, trace" */
static int put_choice(const hth_choice *choice, char *out, size_t size) {
    if (!choice->names[0]) return snprintf(out, size, "learner.%s > 0", choice->axis);
    int used =
        snprintf(out, size, "learner.%s %s", choice->axis, choice->others ? "other than" : "=");
    for (size_t i = 0; i < HTH_MOST_NAMES && choice->names[i]; i++)
        used += snprintf(out + used, size - (size_t)used, "%s %s", i ? "," : "", choice->names[i]);
    return used;
}

/* What the choice does not go with. */
static void put_condition(const hth_rule *rule, char *out, size_t size) {
    int used = snprintf(out, size, "%s", rule->when ? rule->when : "");
    hth_choice other = rule->with.axis ? rule->with : rule->without;
    if (!other.axis) return;
    if (rule->without.axis) other.others = !other.others;
    if (used) used += snprintf(out + used, size - (size_t)used, ", with ");
    put_choice(&other, out + used, size - (size_t)used);
}

static void print_rule(size_t number, const hth_rule *rule) {
    char of[TEXT], condition[TEXT];
    put_choice(&rule->of, of, sizeof of);
    put_condition(rule, condition, sizeof condition);
    printf("%3zu  %s  |  %s\n", number, of, condition);
    cli_print_folded(stdout, rule->why, 5, 92);
}

static void page_rule(size_t number, const hth_rule *rule) {
    char of[TEXT], condition[TEXT];
    put_choice(&rule->of, of, sizeof of);
    put_condition(rule, condition, sizeof condition);
    printf("| %zu | %s | %s | %s |\n", number, of, condition, rule->why);
}

int cli_list_rules(const cli_arguments *arguments) {
    const bool is_page = cli_value(arguments, "--markdown");
    const hth_rule *rule;
    if (is_page)
        printf("# Which choices of a learner do not go together\n\n"
               "Written by `hitherto list --rules --markdown` from the table that also refuses "
               "them\n"
               "(src/credit/rules.c); do not edit it by hand. Every other combination is "
               "allowed.\n\n"
               "| | choice | does not go with | because |\n|---|---|---|---|\n");
    else
        printf("The choice on the left does not go with what stands on the right.\n\n");
    for (size_t i = 0; (rule = hth_rule_at(i)); i++)
        if (is_page)
            page_rule(i + 1, rule);
        else
            print_rule(i + 1, rule);
    return CLI_OK;
}
