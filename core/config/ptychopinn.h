#pragma once
#include "config/config.h"

namespace ptk::config {

/// Our word for a choice, in small letters, that PtychoPINN calls otherwise; any other word as it is.
std::string our_word(const std::string& word);

/// PtychoPINN's configuration files name their sections (data_config, model_config ...), ours do not.
bool is_ptychopinn_section(const std::string& name);

/// What a configuration of PtychoPINN means here. Fields that are aliases of options stay; some become others
/// (grid_size, mode, amp_loss ...); those that say what happens anyway are left out, and, with compat = 'ptychopinn',
/// those that have no bearing on the numbers or belong to another network than the one that is chosen. Other keys are
/// not looked at.
/// @throws Error(InvalidConfig) with all fields that are not supported, each with the reason and what to do instead
Config from_ptychopinn(const Config& given, const Schema& schema);

} // namespace ptk::config
