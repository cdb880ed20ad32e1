// What one query may still use: time, samples, memory. Every part of the evaluator takes from the
// same Budget and looks at it now and then.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "model/query_engine.hpp"

namespace volta::promql {

// Ends an evaluation from any depth of its recursion. Thrown inside this folder only; caught once,
// by PromqlEngine, which turns it into its answer.
class Stop final : public std::exception {
 public:
  explicit Stop(std::string text, QueryFailure::Kind kind = QueryFailure::Kind::execution)
      : failure_{kind, std::move(text)} {}
  [[nodiscard]] const char* what() const noexcept override { return failure_.text.c_str(); }
  [[nodiscard]] const QueryFailure& failure() const { return failure_; }

 private:
  QueryFailure failure_;
};

// For one query on one thread. All that checks throws Stop.
class Budget {
 public:
  // `cancel` may be null, else outlives it. The time counts from here.
  Budget(const QueryLimits& limits, const std::atomic<bool>* cancel)
      : limits_(limits),
        cancel_(cancel),
        deadline_(std::chrono::steady_clock::now() + limits.timeout) {}

  // Cheap enough for once per series or thousand values.
  void check() const;
  void read_samples(std::size_t count);
  void take_bytes(std::size_t bytes);
  void give_bytes(std::size_t bytes) noexcept { bytes_ -= bytes; }

  [[nodiscard]] const QueryLimits& limits() const { return limits_; }
  [[nodiscard]] std::size_t samples_read() const { return samples_; }

 private:
  QueryLimits limits_;
  const std::atomic<bool>* cancel_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t samples_ = 0;
  std::size_t bytes_ = 0;
};

// Bytes taken from a Budget for as long as this lives.
class Charge {
 public:
  explicit Charge(Budget& budget) : budget_(&budget) {}
  Charge(Charge&& other) noexcept
      : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { budget_->give_bytes(bytes_); }

  void add(std::size_t bytes) {
    budget_->take_bytes(bytes);
    bytes_ += bytes;
  }
  [[nodiscard]] Budget& budget() const { return *budget_; }

 private:
  Budget* budget_;
  std::size_t bytes_ = 0;
};

}  // namespace volta::promql
