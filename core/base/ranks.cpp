#include "base/ranks.h"

#include "base/error.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace ptk::base {

namespace {

constexpr std::uint16_t usual_port = 29500;

struct Launcher {
    const char* name;
    const char* rank;
    const char* size;
    const char* local_rank;
    const char* local_size;
};

constexpr Launcher launchers[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"MPI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""},
};
constexpr Launcher slurm_job = {"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", ""};

std::optional<int> number(const Variables& variable, const char* name)
{
    const char* text = *name == '\0' ? nullptr : variable(name);
    if (text == nullptr || *text == '\0')
        return std::nullopt;
    int value = 0;
    const char* end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, value);
    require(read.ec == std::errc() && read.ptr == end && value >= 0, Status::InvalidConfig,
            "environment: {} is '{}', expected a whole number from 0 on", name, text);
    return value;
}

std::string text(const Variables& variable, const char* name)
{
    const char* value = variable(name);
    return value == nullptr ? "" : value;
}

std::optional<Rank> read(const Launcher& launcher, const Variables& variable)
{
    const auto rank = number(variable, launcher.rank), size = number(variable, launcher.size);
    if (!rank || !size)
        return std::nullopt;
    require(*rank < *size, Status::InvalidConfig, "environment: {} is {}, expected less than {}, which is {}",
            launcher.rank, *rank, launcher.size, *size);
    Rank found;
    found.rank = *rank;
    found.size = *size;
    found.local_rank = number(variable, launcher.local_rank).value_or(0);
    found.local_size = number(variable, launcher.local_size).value_or(0);
    found.launcher = launcher.name;
    return found;
}

void find_meeting_place(Rank& rank, const Variables& variable)
{
    rank.address = text(variable, "MASTER_ADDR");
    const auto nodes = number(variable, "SLURM_STEP_NUM_NODES");
    if (rank.address.empty() && (rank.local_size == rank.size || nodes == 1))
        rank.address = "127.0.0.1";
    const auto port = number(variable, "MASTER_PORT").value_or(usual_port);
    require(port > 0 && port < 65536, Status::InvalidConfig, "environment: MASTER_PORT is {}, expected 1 to 65535",
            port);
    rank.port = static_cast<std::uint16_t>(port);
    rank.served = text(variable, "TORCHELASTIC_USE_AGENT_STORE") == "True";
    rank.attempt = text(variable, "TORCHELASTIC_RESTART_COUNT");
}

} // namespace

std::optional<Rank> rank_of_process(bool any_slurm, const Variables& variable)
{
    std::optional<Rank> found;
    for (const auto& launcher : launchers)
        if (!found)
            found = read(launcher, variable);
    if (!found && any_slurm)
        found = read(slurm_job, variable);
    if (!found || found->size < 2)
        return std::nullopt;
    find_meeting_place(*found, variable);
    return found;
}

std::optional<Rank> rank_of_process(bool any_slurm)
{
    return rank_of_process(any_slurm, [](const char* name) { return std::getenv(name); });
}

} // namespace ptk::base
