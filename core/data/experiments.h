#pragma once
#include "base/log.h"
#include "data/scan.h"

#include <string>
#include <vector>

namespace ptk::data {

// Several experiments in one scan: frames one after the other, positions side by side in x, far enough apart that no
// patches overlap, each with its own probe. Frame i is of experiment Scan::experiment_of[i].

/// Put experiments side by side; the first keeps its positions. The scan has no object of its own; pixels that are bad
/// in one are bad in all. One alone stays as it is.
/// @throws Error(Shape) for sides that differ, Error(Format) for measurements that differ, naming both sources
Scan join_scans(std::vector<Scan> scans, std::string source, Log& log);

/// @throws Error(InvalidConfig) for a scan of several experiments: their pictures and files are made one by one
void require_one_experiment(const Scan& scan);
/// How many experiments a scan is made of, 1 for most.
std::int64_t experiment_count(const Scan& scan);
/// Indices of the frames of one, (n) int64.
at::Tensor frames_of_experiment(const Scan& scan, std::int64_t number);
/// One as a scan of its own, with its probe; positions as they lie in @p scan.
Scan experiment(const Scan& scan, std::int64_t number);
/// The same at its own place and with its object, as it was before it was joined.
Scan apart(const Scan& scan, std::int64_t number);
/// The experiments of those frames, (...) int64. @param frames (...) int64 indices into the scan
at::Tensor experiments_of(const Scan& scan, const at::Tensor& frames);

/// Tells experiments apart, wherever they lie: number and side of the frames and a checksum of where they were taken
/// and of three of them.
std::string experiment_mark(const Scan& scan);

} // namespace ptk::data
