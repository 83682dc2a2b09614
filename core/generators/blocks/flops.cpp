#include "generators/blocks/flops.h"

namespace ptk::generators {

namespace {

thread_local FlopCount* counting = nullptr;

} // namespace

FlopCount::FlopCount() : outer_(counting)
{
    counting = this;
}

FlopCount::~FlopCount()
{
    counting = outer_;
}

void FlopCount::add(double operations) noexcept
{
    for (auto* count = counting; count != nullptr; count = count->outer_)
        count->total_ += operations;
}

} // namespace ptk::generators
