#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ptk::base {

/// One of several processes that a launcher started together.
struct Rank {
    int rank = 0; ///< 0 ... size - 1
    int size = 1;
    int local_rank = 0; ///< among those of this machine
    int local_size = 0; ///< of this machine; 0 when the launcher does not say
    std::string launcher;
    std::string address; ///< where rank 0 listens
    std::uint16_t port = 0;
    bool served = false; ///< the launcher listens there itself
    std::string attempt; ///< which start of the job this is, when the launcher starts it again
};

using Variables = std::function<const char*(const char* name)>;

/// From the variables of torchrun (RANK, WORLD_SIZE, LOCAL_RANK), Open MPI (OMPI_COMM_WORLD_RANK ...), MPICH and Intel
/// MPI (PMI_RANK ...) or Slurm's srun (SLURM_PROCID, SLURM_STEP_NUM_TASKS), in this order. Where rank 0 listens is
/// MASTER_ADDR and MASTER_PORT (29500 when not given); without MASTER_ADDR this machine, when all ranks are known to be
/// on it, else it stays empty.
/// @param any_slurm  also SLURM_NTASKS, which a batch script sees too that runs one program alone
/// @return nothing when no launcher is seen, or one with a single process
/// @throws Error(InvalidConfig) for variables that contradict each other or are no numbers
std::optional<Rank> rank_of_process(bool any_slurm = false);
std::optional<Rank> rank_of_process(bool any_slurm, const Variables& variable);

} // namespace ptk::base
