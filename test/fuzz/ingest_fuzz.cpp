// Any bytes as hello, series and batches of an authenticated agent. Whatever comes, each push is
// answered once, the journal gets rising sequences, and nothing crashes.
//
//   input  u8 length of the facts, that many bytes; then messages
//   message  u8 0: define one series, u8 length of its name, name
//            else: push, u8 seq, u8 key_seq, u8 slots, u8 points, u16le payload length, payload.
//            Bit 7 of the kind: the journal fails this once; bit 6: the link is opened anew
#include <cstdlib>

#include "base/log.hpp"
#include "fleet/fakes.hpp"
#include "fleet/ingest.hpp"
#include "support/fake_clock.hpp"

namespace volta {
namespace {

class Listener final : public BatchListener {
 public:
  void on_batch(HostId, const DecodedBatch& batch,
                std::span<const std::shared_ptr<const SeriesRecord>> series) override {
    VOLTA_ASSERT(series.size() == batch.slots);
    VOLTA_ASSERT(batch.values.size() == batch.slots * batch.ticks());
  }
};

class Run {
 public:
  explicit Run(ByteReader in) : in_(in) {
    VOLTA_ASSERT(directory_.add("alpha", test::token_hash(test::kToken)).has_value());
    hello_.token = test::kToken;
    hello_.run = test::kRun;
    hello_.agent_version = "1";
    const auto facts = in_.take(number());
    hello_.facts_json.assign(reinterpret_cast<const char*>(facts.data()), facts.size());
    open();
    hello_.facts_json = "{}";
    open();
  }
  void go() {
    for (int i = 0; i < 64 && in_.left() > 0; ++i) message();
    session_.reset();
    while (journal_.commit()) continue;
    VOLTA_ASSERT(answered_ == pushed_);
  }

 private:
  std::size_t number() {
    const auto byte = in_.take(1);
    return byte.empty() ? 0 : static_cast<std::size_t>(byte[0]);
  }
  void open() {
    session_.reset();
    auto answer = ingest_.open(hello_, "fuzz", std::make_shared<test::FakeControl>());
    if (auto* opened = std::get_if<OpenedSession>(&answer)) session_ = std::move(opened->session);
  }
  void message() {
    const std::size_t kind = number();
    if ((kind & 0x40U) != 0 || !session_) open();
    VOLTA_ASSERT(session_ != nullptr);
    if ((kind & 0x3fU) == 0) {
      const auto name = in_.take(number());
      SeriesDef def;
      def.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
      if (!session_->define({std::move(def)})) session_.reset();
      return;
    }
    EncodedBatch batch;
    batch.seq = number();
    batch.key_seq = number();
    batch.slots = static_cast<std::uint32_t>(number());
    batch.points = static_cast<std::uint32_t>(number());
    const std::size_t low = number();
    const auto payload = in_.take(std::min(low + 256 * number(), in_.left()));
    batch.payload.assign(payload.begin(), payload.end());
    batch.first_ms = batch.last_ms = clock_.wall_ms();
    journal_.commit_at_once = (kind & 1U) != 0;
    ++pushed_;
    session_->push(std::move(batch), [this](const PushOutcome&) { ++answered_; });
    if ((kind & 0x80U) != 0) journal_.fail(CommitState::failed);
    while (journal_.commit_at_once && journal_.commit()) continue;
  }

  ByteReader in_;
  std::size_t pushed_ = 0;
  std::size_t answered_ = 0;
  test::FakeClock clock_;
  LinkTable links_{clock_};
  test::FakeDirectory directory_;
  test::FakeJournal journal_;
  Listener listener_;
  Ingest ingest_{directory_, journal_, links_, clock_, {&listener_}};
  Hello hello_;
  std::unique_ptr<IngestSession> session_;
};

}  // namespace
}  // namespace volta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  volta::log::configure(volta::log::Level::error, volta::log::Format::logfmt);
  volta::Run(volta::ByteReader(std::as_bytes(std::span(data, size)))).go();
  return 0;
}
