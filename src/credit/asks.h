/* What rules ask of a plan whose options have all been read (rules.c). */
#ifndef HTH_ASKS_H
#define HTH_ASKS_H

#include "credit/learner.h"

bool hth_asks_runs_backwards(const hth_learner *plan);
bool hth_asks_readout_leaks(const hth_learner *plan);
bool hth_asks_has_many_outputs(const hth_learner *plan);
bool hth_asks_has_layers_below(const hth_learner *plan);
bool hth_asks_has_layers_below_many(const hth_learner *plan);
bool hth_asks_has_tokens(const hth_learner *plan);
bool hth_asks_learns_initial(const hth_learner *plan);
bool hth_asks_has_layers(const hth_learner *plan);
bool hth_asks_has_layers_or_tokens(const hth_learner *plan);
bool hth_asks_has_several_steps(const hth_learner *plan);
bool hth_asks_feeds_outputs(const hth_learner *plan);
bool hth_asks_has_least_squares(const hth_learner *plan);
bool hth_asks_is_regularised(const hth_learner *plan);
bool hth_asks_loses_traces_below(const hth_learner *plan);
bool hth_asks_scales_without_leak(const hth_learner *plan);
bool hth_asks_scales_lower_layers(const hth_learner *plan);
bool hth_asks_has_own_traces(const hth_learner *plan);
bool hth_asks_has_factor_without_spikes(const hth_learner *plan);
bool hth_asks_drops_out_of_leaky(const hth_learner *plan);
bool hth_asks_reads_more_than_last(const hth_learner *plan);
bool hth_asks_runs_backwards_below(const hth_learner *plan);
bool hth_asks_has_layers_without_table(const hth_learner *plan);
bool hth_asks_has_others_without_table(const hth_learner *plan);
bool hth_asks_has_store(const hth_learner *plan);
bool hth_asks_stores_nothing_of_past(const hth_learner *plan);
bool hth_asks_has_no_store(const hth_learner *plan);
bool hth_asks_stores_below_leak(const hth_learner *plan);
bool hth_asks_stores_with_dropout(const hth_learner *plan);
bool hth_asks_feeds_back(const hth_learner *plan);
bool hth_asks_holds_reads(const hth_learner *plan);
bool hth_asks_stores_store(const hth_learner *plan);
bool hth_asks_stores_tokens(const hth_learner *plan);
bool hth_asks_stores_more_than_synapses(const hth_learner *plan);
bool hth_asks_has_delays(const hth_learner *plan);
bool hth_asks_perturbs_spikes(const hth_learner *plan);
bool hth_asks_readout_has_states(const hth_learner *plan);
bool hth_asks_activates_own_prediction(const hth_learner *plan);
bool hth_asks_refreshes_own_prediction(const hth_learner *plan);
bool hth_asks_learns_by_own_error(const hth_learner *plan);
bool hth_asks_gives_out_own_error(const hth_learner *plan);
bool hth_asks_carries_past(const hth_learner *plan);
bool hth_asks_predicts(const hth_learner *plan);
bool hth_asks_is_shorter(const hth_learner *plan);
bool hth_asks_leaks_with_changing_feedback(const hth_learner *plan);

#endif
