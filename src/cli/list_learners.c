/* hitherto list learners --cost and --plausibility: what the learners' parts say of themselves, for the
 * user's own network. */
#include "check/survey.h"
#include "cli/cli.h"
#include "optim/catalogues.h"
#include "optim/inspect.h"
#include "session/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FORMULA_LENGTH = 200, OPERATIONS = 6 };

/* ---- Cost ---------------------------------------------------------------------------------------- */

/* Bytes of what is carried. */
static double bytes_of(const hth_cost *costs) {
    double bytes = 0;
    for (size_t i = 0; i < HTH_COSTS; i++)
        bytes += costs[i].memory * (double)(costs[i].in_double ? sizeof(double) : sizeof(hth_real));
    return bytes;
}

/* "N + P": the formulae of the parts with plus signs between. Returns their value. */
static double put_formula(const hth_cost *costs, bool memory, char *out, size_t size) {
    double total = 0;
    size_t used = 0;
    snprintf(out, size, "nothing");
    for (size_t i = 0; i < HTH_COSTS; i++) {
        const char *formula = memory ? costs[i].memory_formula : costs[i].operations_formula;
        total += memory ? costs[i].memory : costs[i].operations;
        if (formula && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " + " : "", formula);
    }
    return total;
}

static const char *bias_name(hth_bias bias) {
    static const char *const names[] = {
        [HTH_EXACT] = "exact", [HTH_UNBIASED] = "unbiased", [HTH_BIASED] = "biased"};
    return names[bias];
}

/* What is found of the network while learners are listed. */
enum { MOST_KEEPS = 32 };
typedef struct costs {
    hth_settings settings;
    size_t parameters; /* 0: not yet */
    hth_keep_cost keeps[MOST_KEEPS];
    hth_status status;
    hth_error error;
} costs;

static void find_keeps(costs *all, const hth_network *network) {
    if (all->parameters > 0) return;
    all->parameters = hth_network_parameter_count(network);
    for (size_t i = 0; i < hth_keeps.count && i < MOST_KEEPS && all->status == HTH_OK; i++)
        all->status = hth_keep_cost_of(&all->settings, i, network, &all->keeps[i], &all->error);
}

static void print_cost(void *context, const hth_survey_row *row) {
    hth_cost found[HTH_COSTS];
    char memory[FORMULA_LENGTH], operations[FORMULA_LENGTH];
    char bytes[32], numbers[32], count[32];
    find_keeps(context, row->network);
    if (row->refusal) {
        cli_say(stdout, "%-13s %s\n", row->name, row->refusal);
        return;
    }
    hth_learner_costs(row->learner, found);
    const double carried = put_formula(found, true, memory, sizeof memory);
    cli_format_count(numbers, sizeof numbers, carried);
    cli_format_count(count, sizeof count, put_formula(found, false, operations, sizeof operations));
    cli_format_bytes(bytes, sizeof bytes, bytes_of(found));
    printf("%-13s %5zu  %-9s %10s %10s %10s\n", row->name, row->steps, bias_name(row->bias),
           numbers, bytes, count);
    printf("%15scarried: %s\n%15sa step: %s\n", "", memory, "", operations);
}

/* A row of the table of `keep`. */
static void print_keep(const hth_keep_cost *cost) {
    char each[16], numbers[32], bytes[32], count[32];
    snprintf(each, sizeof each, cost->each ? "%zu P" : "-", cost->each);
    cli_format_count(numbers, sizeof numbers, cost->numbers);
    cli_format_bytes(bytes, sizeof bytes, cost->numbers * sizeof(hth_real));
    cli_format_count(count, sizeof count, cost->operations);
    printf("%-13s %7s %10s %10s %10s\n", cost->name, each, numbers, bytes, count);
}

/* What the parts of `keep` cost, of the network that the table before was made for. */
static void print_keeps(const costs *all) {
    printf("\nWhat keep.name keeps of earlier tasks, and does in an update, beside the optimiser; "
           "P = %zu\n"
           "parameters. project keeps m^2 more numbers a layer; with keep.sides = both, those of "
           "its drives too.\n\n%-13s %7s %10s %10s %10s\n",
           all->parameters, "keep", "", "numbers", "bytes", "mul-adds");
    for (size_t i = 0; i < hth_keeps.count; i++) print_keep(&all->keeps[i]);
}

/* What replay takes, with the settings as they are or, of a run that replays nothing, by default. */
static void print_replay(const hth_config *config) {
    const hth_settings given = hth_config_settings(config);
    const hth_part *chosen = hth_catalogue_chosen(&hth_replays, &given);
    const bool none = strcmp(chosen->name, hth_replays.fallback) == 0;
    const hth_setting items[] = {{hth_replays.key, "reservoir", NULL}};
    const hth_settings own = {items, none ? HTH_COUNT(items) : 0};
    hth_settings settings;
    hth_session session;
    hth_error error;
    if (hth_settings_join(&given, &own, &settings, &error) != HTH_OK) return;
    printf("\nWhat replay.name = %s keeps and takes: M sequences of up to T steps, and a second "
           "tape, learner and\ngradient, which do the work of replay.batch sequences more.\n\n",
           none ? items[0].value : chosen->name);
    if (hth_session_open(&settings, NULL, &session, &error) != HTH_OK) {
        cli_say(stdout, "%s\n", error.message);
    } else {
        const hth_replay_sizes sizes = hth_replayer_sizes(session.replayer);
        char memory[32], second[32];
        cli_format_bytes(memory, sizeof memory, (double)sizes.memory);
        cli_format_bytes(second, sizeof second, (double)sizes.second);
        printf("%-13s %7s %10s %10s %10s\n%-13s %7zu %10zu %10s %10s\n", "replay", "M", "T",
               "memory", "second", none ? items[0].value : chosen->name, sizes.sequences,
               sizes.steps, memory, second);
        hth_session_close(&session);
    }
    free((void *)(uintptr_t)settings.items);
}

static int list_cost(const hth_config *config) {
    costs all = {.settings = hth_config_settings(config)};
    hth_error error;
    printf(
        "What a learner carries from tape to tape and does in a step, per item of the batch, "
        "beyond\n"
        "the forward pass, the readout and the product g n m of the tape's own steps.\n"
        "n units, m = n + inputs + 1, g drives a unit, d states a unit, s states of a layer, N "
        "states\n"
        "in all, P = g n m weights, K steps of a tape, o outputs; others are settings of the "
        "learner.\n"
        "Of a store: R rows, T of them weighed in a step, z numbers and W weights of the layers "
        "that it\n"
        "reads; L layers, M and G the sums of their m and g n, B numbers of a step, U weights in "
        "all.\n"
        "Of least squares: r weights of an output; their numbers are doubles, and a step is each "
        "learner.rls_every-th.\n\n"
        "%-13s %5s  %-9s %10s %10s %10s\n",
        "learner", "K", "gradient", "numbers", "bytes", "mul-adds");
    if (hth_survey(config, print_cost, &all, &error) != HTH_OK) return cli_fail(&error);
    if (all.status != HTH_OK) return cli_fail(&all.error);
    print_keeps(&all);
    print_replay(config);
    return CLI_OK;
}

/* ---- Plausibility -------------------------------------------------------------------------------- */

static const char *const operations[OPERATIONS] = {"i", "ii", "iii", "iv", "v", "vi"};

static void put_marks(const hth_need *needs, size_t count, char marks[OPERATIONS]) {
    for (size_t k = 0; k < OPERATIONS; k++) {
        marks[k] = '.';
        for (size_t i = 0; i < count; i++) {
            if (strcmp(needs[i].operation, operations[k]) != 0) continue;
            if (!needs[i].feasible || marks[k] == '.') marks[k] = needs[i].feasible ? '+' : 'x';
        }
    }
}

static void print_plausibility(void *context, const hth_survey_row *row) {
    hth_need needs[HTH_ALL_NEEDS];
    char marks[OPERATIONS];
    bool passes = true;
    (void)context;
    if (row->refusal) {
        cli_say(stdout, "%-13s %s\n", row->name, row->refusal);
        return;
    }
    const size_t count = hth_learner_needs(row->learner, needs);
    put_marks(needs, count, marks);
    printf("%-13s", row->name);
    for (size_t k = 0; k < OPERATIONS; k++) printf(" %4c", marks[k]);
    for (size_t i = 0; i < count; i++) passes = passes && needs[i].feasible;
    printf("   %s\n", passes ? "passes" : "fails");
    for (size_t i = 0; i < count; i++)
        if (!needs[i].feasible)
            printf("%-15s%s%s%s %s\n", "", "(", needs[i].operation, ")", needs[i].what);
}

static int list_plausibility(const hth_config *config) {
    hth_error error;
    printf("What a circuit of neurons would have to do, by the operations of Marschall et al. "
           "2019, p. 3:\n"
           "  (i)   a vector, held as rates or voltages          feasible\n"
           "  (ii)  a matrix, held as synapses                    if it changes continuously and "
           "locally\n"
           "  (iii) a matrix times a vector                       if the vector is one of rates\n"
           "  (iv)  a matrix times a matrix                       not as it stands\n"
           "  (v)   independent noise                             feasible\n"
           "  (vi)  a noisy copy of the network                   not as it stands\n"
           "+ needed and feasible, x needed and not feasible, . not needed; (-) is time run "
           "backwards.\n"
           "The verdicts come from the parts of each learner.\n\n%-13s",
           "learner");
    for (size_t k = 0; k < OPERATIONS; k++) printf(" %4s", operations[k]);
    printf("\n");
    return hth_survey(config, print_plausibility, NULL, &error) == HTH_OK ? CLI_OK
                                                                          : cli_fail(&error);
}

/* ---- Both ---------------------------------------------------------------------------------------- */

static bool names_learners(const char *word) {
    return strcmp(word, "learner") == 0 || strcmp(word, "learners") == 0;
}

/* A file is taken to say what there is to learn. */
static bool names_stream(const char *word) {
    return !cli_is_assignment(word) || strncmp(word, "task", 4) == 0 ||
           strncmp(word, "data", 4) == 0 || strncmp(word, "world", 5) == 0;
}

/* Without a task, data or a world of the user's, the Add task with the default network. */
static int read_settings(const cli_arguments *arguments, hth_config **config, bool *assumed) {
    enum { MOST_WORDS = 64 };
    const char *words[MOST_WORDS + 1];
    cli_arguments settings = *arguments;
    bool stream = false;
    size_t count = 0;
    for (size_t i = 0; i < arguments->word_count && count < MOST_WORDS; i++) {
        const char *word = arguments->words[i];
        if (names_learners(word)) continue;
        stream = stream || names_stream(word);
        words[count++] = word;
    }
    *assumed = !stream;
    if (!stream) words[count++] = "task=add";
    settings.words = words;
    settings.word_count = count;
    return cli_read_settings(&settings, NULL, config);
}

int cli_list_learners(const cli_arguments *arguments) {
    hth_config *config;
    bool assumed;
    int code = read_settings(arguments, &config, &assumed);
    if (code != CLI_OK) return code;
    if (assumed)
        printf("No task, data or world is given, so this is for task=add (2 inputs, 2 outputs). "
               "For others add\ntask=NAME, data=NAME, world=NAME or a settings file.\n\n");
    if (cli_value(arguments, "--embedded"))
        code = cli_list_embedded(config);
    else if (cli_value(arguments, "--cost"))
        code = list_cost(config);
    if (code == CLI_OK && cli_value(arguments, "--plausibility")) code = list_plausibility(config);
    hth_config_destroy(config);
    return code;
}
