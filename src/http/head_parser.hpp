// The bytes of a request head -> RequestHead, by Beast's parser, with what Beast lets through
// refused. One of the few places that pay for Beast's headers; nothing of it shows here.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "http/request_rules.hpp"

namespace volta {

// Parses one head. One thread.
class HeadParser {
 public:
  enum class State : std::uint8_t { need_more, done, refused };

  explicit HeadParser(std::size_t most_bytes);
  HeadParser(HeadParser&& other) noexcept;
  HeadParser& operator=(HeadParser&& other) noexcept;
  ~HeadParser();

  // `received` begins with the head's first byte at every call and only grows.
  State put(std::string_view received);

  [[nodiscard]] std::size_t consumed() const;        // bytes of the head, once done
  [[nodiscard]] const HeadRefusal& refusal() const;  // once refused
  [[nodiscard]] RequestHead head() const;            // once done

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace volta
