#pragma once
#include "config/schema.h"
#include "evaluation/metrics.h"
#include "evaluation/ptychopinn_scores.h"
#include "reconstruction/result.h"

#include <string>

namespace ptk::evaluation {

/// A known object; pixel (r, c) is at position (x, y) = (origin_x + c, origin_y + r).
struct Reference {
    at::Tensor object; ///< (H, W) complex
    std::int64_t origin_x = 0;
    std::int64_t origin_y = 0;
};

/// Out of an NPZ or NPY file (at the origin), or a file of save_result() (where that says).
/// @throws Error(Io | Format | NotFound)
Reference read_reference(const std::string& path);

/// The scores of a result in the frame of a reference, inside the scanned area that both have (without positions: where
/// there is coverage, or everywhere).
/// @throws Error(Shape) when that area is empty
Scores evaluate(const reconstruction::Result& result, const Reference& reference);

/// PtychoPINN's scores of the smallest box that holds that area. @throws as evaluate()
PtychoPinnScores evaluate_as_ptychopinn(const reconstruction::Result& result, const Reference& reference,
                                        const PtychoPinnEvaluation& options = {});

/// The fields of the scores by name; numbers that are not finite become null in the text.
config::Json to_json(const Scores& scores);

} // namespace ptk::evaluation
