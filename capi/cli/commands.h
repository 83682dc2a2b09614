#pragma once
#include "session.h"

#include <string>

namespace cli {

struct TrainOptions {
    std::string scan;
    std::string folder;
    std::string model; ///< a bundle to start from; empty = fresh weights
    bool resume = false;
};
void train(Session& session, const TrainOptions& options);

struct ReconstructOptions {
    std::string scan;
    std::string model; ///< a bundle; empty = the iterative engine alone
    std::string folder;
    bool refine = true;
    bool force = false; ///< overwrite results that are there
};
void reconstruct(Session& session, const ReconstructOptions& options);

struct SimulateOptions {
    std::string out;
    std::string format = "auto";
};
void simulate(Session& session, const SimulateOptions& options);

struct ConvertOptions {
    std::string in;
    std::string out;
    std::string format = "auto";
};
void convert(Session& session, const ConvertOptions& options);

struct EvaluateOptions {
    std::string object;
    std::string reference;
    std::string scan;
    bool json = false;
};
void evaluate(Session& session, const EvaluateOptions& options);

void info(Session& session, const std::string& path, bool json);

void config_schema(Session& session, const std::string& subject, bool json);
void config_defaults(Session& session);
void config_check(Session& session);

void list_generators(Session& session, bool json);
void describe_generator(Session& session, const std::string& name, bool json);
void version();

} // namespace cli
