/*
 * The section agent: what a network sees of a world, and what becomes of rewards. Its parts are two ways to learn from
 * advantages:
 *
 *     a2c         they are targets of the steps of a tape (Mnih et al. 2016)
 *     ac-lambda   each step changes the weights by its surprise delta times the fading sum z of gradients,
 *                 z <- gamma lambda z + g (Sutton & Barto 2018, section 13.5)
 *
 * With weights that stay, both have the same gradient (tests/credit/test_lambda.c).
 */
#include "worlds/agent.h"

enum { A2C, AC_LAMBDA, AGENTS };

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(hth_agent_options, field), __VA_ARGS__ }

static const hth_option common[] = {
    OPTION(gamma, .help = "what a reward counts a step later", .fallback = "0.9",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(scale, .help = "factor of rewards, as inputs and in returns; metrics do without",
           .fallback = "1", .kind = HTH_KIND_REAL, .min = 1e-9, .max = 1e9),
    OPTION(see_action, .help = "whether the last action is an input", .fallback = "true",
           .kind = HTH_KIND_BOOL),
    OPTION(see_reward, .help = "whether the last reward is an input", .fallback = "true",
           .kind = HTH_KIND_BOOL),
    OPTION(see_time, .help = "whether the time since the start of the episode is an input, 0 to 1",
           .fallback = "false", .kind = HTH_KIND_BOOL),
    OPTION(greedy,
           .help = "validation and test take the most probable action in place of a drawn one",
           .fallback = "false", .kind = HTH_KIND_BOOL),
};

#define LAMBDA(value, meaning)                                                                     \
    OPTION(lambda, .help = meaning, .fallback = value, .kind = HTH_KIND_REAL, .min = 0, .max = 1)

static const hth_option of_a2c[] = {
    {.name = "return",
     .help = "what becomes of rewards first: discounted, nothing; transport, along the reads of a "
             "store, value goes to the steps that are remembered (Hung et al. 2019); redistribute, "
             "a predictor that is additive over observations and actions says what each step "
             "contributed (after Arjona-Medina et al. 2019). The last two need whole episodes on a "
             "tape",
     .fallback = "discounted",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"discounted", "transport", "redistribute", NULL},
     .offset = offsetof(hth_agent_options, how)},
    OPTION(share, .help = "transport: the part of the value that is moved", .fallback = "0.9",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    {.name = "sure",
     .help = "transport: which reads count: strength, those with a strength beta above 2; weight, "
             "those of which one row has more than half; auto: strength where the store learns it "
             "(store.strength), else weight",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"auto", "strength", "weight", NULL},
     .offset = offsetof(hth_agent_options, sure)},
    {.name = "value_of",
     .help = "transport: whose value is moved: read, that of the step that reads, as in the "
             "authors' code; after, that of the next step, as in their pseudocode",
     .fallback = "read",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"read", "after", NULL},
     .offset = offsetof(hth_agent_options, value_of)},
    OPTION(rows,
           .help = "transport: value goes to so many rows of a read at most, those of largest "
                   "weight; 0: to all",
           .fallback = "50", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    LAMBDA("1",
           "how far advantages look beyond one step: 0 to the next value alone, 1 to the end of "
           "the tape (generalised advantage estimate)"),
};
static const hth_option of_ac_lambda[] = {
    LAMBDA("0.9", "how much of the sum of gradients is left after a step, beside gamma"),
};

static const hth_part agents[AGENTS] = {
    {.name = "a2c",
     .summary = "advantage actor-critic: advantages are targets of the steps of a tape",
     .source = "Mnih et al. 2016; Schulman et al. 2016",
     .options = {"agent", of_a2c, HTH_COUNT(of_a2c)}},
    {.name = "ac-lambda",
     .summary =
         "actor-critic with eligibility traces: online, an update a step (learner.steps = 1, "
         "train.batch = 1)",
     .source = "Sutton & Barto 2018, section 13.5; Lemmel & Grosu 2025",
     .options = {"agent", of_ac_lambda, HTH_COUNT(of_ac_lambda)}},
};

static const hth_part *part_at(size_t index) {
    return &agents[index];
}

/* Without a world there is no agent. */
static const hth_part *chosen(const hth_settings *settings) {
    size_t index;
    if (!hth_settings_find(settings, hth_worlds.key)) return NULL;
    if (hth_part_choose(&hth_agents, settings, &index, NULL) != HTH_OK) return NULL;
    return &agents[index];
}

const hth_catalogue hth_agents = {
    .kind = "agent",
    .summary = "Of a world: what the network sees, and how it learns from rewards.",
    .key = "agent.name",
    .fallback = "a2c",
    .optional = true,
    .chosen = chosen,
    .common = {"agent", common, HTH_COUNT(common)},
    .count = AGENTS,
    .at = part_at,
};

hth_status hth_agent_read(const hth_settings *settings, hth_agent_options *out, hth_error *error) {
    size_t index;
    HTH_TRY(hth_part_choose(&hth_agents, settings, &index, error));
    HTH_TRY(hth_options_read(&hth_agents.common, settings, out, error));
    HTH_TRY(hth_options_read(&agents[index].options, settings, out, error));
    out->by_step = index == AC_LAMBDA;
    return HTH_OK;
}
