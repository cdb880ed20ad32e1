// Bytes as a server gets them: the preface, then packed messages, each read as a hello, as series,
// as a batch and, as an agent does, as an outcome. Also the unpacker against the packer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <kj/exception.h>

#include "base/assert.hpp"
#include "rpc/frame_reader.hpp"
#include "rpc/preface.hpp"
#include "rpc/quiet_kj.hpp"
#include "rpc/wire.hpp"

namespace volta::rpc {
namespace {

// Cap'n Proto throws where a message is broken; that is how it is refused.
template <typename Read>
void try_read(Read read) {
  try {
    read();
  } catch (const kj::Exception&) {
    return;
  }
}

void read_all_ways(capnp::MessageReader& message) {
  try_read([&] {
    if (const auto hello = read_hello(message.getRoot<wire::Hello>())) {
      VOLTA_ASSERT(hello->facts_json.size() <= kLongestFacts);
    }
  });
  try_read([&] {
    const auto params = message.getRoot<wire::Session::DefineParams>();
    if (const auto series = read_series(params.getSeries(), kMostSlots)) {
      for (const SeriesDef& one : *series) VOLTA_ASSERT(series_problem(one).empty());
    }
  });
  try_read([&] { (void)read_batch(message.getRoot<wire::Session::PushParams>()); });
  try_read(
      [&] { (void)read_outcome(1, Lane::now, message.getRoot<wire::Session::PushResults>()); });
  try_read([&] { (void)read_refusal(message.getRoot<wire::Refusal>()); });
}

void read_messages(std::span<const std::byte> bytes) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 1U << 20U;
  options.nestingLimit = 16;
  FrameReader frame(1U << 20U);
  while (!bytes.empty()) {
    const auto used = frame.feed(bytes);
    if (!used) return;
    bytes = bytes.subspan(*used);
    if (!frame.complete()) return;
    auto message = frame.take(options);
    read_all_ways(*message);
  }
}

void pack_and_unpack(std::span<const std::byte> bytes) {
  const auto words = bytes.first(bytes.size() / 8 * 8);
  Bytes packed;
  pack(words, packed);
  Bytes back(words.size());
  Unpacker unpacker;
  const auto progress = unpacker.unpack(packed, back);
  VOLTA_ASSERT(progress.consumed == packed.size() && unpacker.at_boundary());
  VOLTA_ASSERT(std::equal(back.begin(), back.end(), words.begin(), words.end()));
}

}  // namespace
}  // namespace volta::rpc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace volta::rpc;
  const QuietKj quiet;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto preface = bytes.first(std::min(size, kPrefaceBytes));
  const auto end = size < kPrefaceBytes ? PrefaceEnd::closed : PrefaceEnd::complete;
  (void)read_server_preface(preface, end, "server:8421");
  (void)answer_for_stranger(preface);
  // A wrong preface ends a connection; here the rest is read all the same, so that none is wasted.
  (void)read_agent_preface(preface, end);
  read_messages(bytes.subspan(preface.size()));
  pack_and_unpack(bytes);
  return 0;
}
