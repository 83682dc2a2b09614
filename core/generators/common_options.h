#pragma once
#include "config/config.h"
#include "config/schema.h"

#include <string>
#include <vector>

/// Options "generator.*" that several networks have, with PtychoPINN's names as aliases.
namespace ptk::generators::options {

/// Several lists as one.
config::Schema join(std::initializer_list<std::vector<config::Option>> lists);

config::Option channels(const std::string& otherwise = "1, each frame is seen alone");
config::Option width(int initial = 32);
config::Option modes(int initial = 12);
config::Option blocks(const std::string& meaning, int initial = 4, int least = 1);
config::Option refiners(const std::string& meaning, int initial = 2);
config::Option max_channels();
/// The limit on channels that max_channels() describes: by default the widths of the default networks and
/// a stop to the doubling below them, which in the reference goes on (4096 channels at the eighth size).
std::int64_t most_channels(const config::Settings& settings);
config::Option output_mode();
config::Option input_transform();
/// A choice among names; the option's own name is an alias.
config::Option choice(const std::string& name, const std::string& initial, std::string meaning,
                      std::vector<std::string> choices);
/// A whole number from @p least to @p largest; the option's own name is an alias.
config::Option count(const std::string& name, int initial, std::string meaning, double largest, double least = 1);
config::Option flag(const std::string& name, bool initial, std::string meaning);

} // namespace ptk::generators::options
