@0xd61b2f0e9a5c4473;
# The wire between `volta agent` and `volta server`.
#
# A connection begins with a preface of 8 bytes each way, before any Cap'n Proto byte (src/rpc/preface.hpp).
# Then Cap'n Proto two-party RPC, each message in Cap'n Proto's standard packed encoding; the server's
# bootstrap capability is Ingest. Limits on both sides: fewer than 64 segments and at most 8 MiB a message
# (96 KiB before the welcome), nesting 16, 10 s for preface and open together.
#
# Fields are only ever added. Times are unix milliseconds UTC, durations milliseconds.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("volta::wire");

interface Ingest {
  open @0 (hello :Hello, control :AgentControl) -> (answer :Answer);
  # Says who the agent is, and opens its run for what happens now. Once per connection, before anything else.
}

struct Hello {
  token @0 :Data;           # 32 bytes; the server knows the host by it
  run @1 :Data;             # 16 random bytes, chosen by each start of the agent
  hostName @2 :Text;        # a hint for people, never an identity
  agentVersion @3 :Text;
  clockMs @4 :Int64;        # the agent's wall clock as it speaks
  factsJson @5 :Text;       # host facts, one JSON object, at most 64 KiB; may be empty
  lastSeq @6 :UInt64;       # newest batch of this run that the agent has made; 0: none yet
}

struct Answer {
  union {
    welcome @0 :Welcome;
    refusal @1 :Refusal;
  }
}

struct Welcome {
  session @0 :Session;
  hostId @1 :Text;
  durableSeq @2 :UInt64;    # highest committed batch of this run; 0: none
  clockMs @3 :Int64;        # the server's wall clock
}

struct Refusal {
  reason @0 :Reason;
  text @1 :Text;            # a sentence for the person at the agent
  retryAfterMs @2 :UInt32;  # 0: the agent's own back-off

  enum Reason {
    wrongToken @0;
    disabledHost @1;
    wrongVersion @2;
    plaintext @3;
    tooBusy @4;
    badHello @5;
  }
}

interface Session {
  # Calls are handled in the order sent.

  define @0 (series :List(SeriesDef)) -> ();
  # Names the next slots of this connection's layout, beginning with 0. Slots are never redefined.

  push @1 (
      seq :UInt64,          # 1, 2, 3 ... within the run
      keySeq :UInt64,       # the keyframe it counts from; equal to seq: it is one
      slots :UInt32,        # series of the layout that it knows of
      points :UInt32,       # values inside, gaps not counted; at most 50,000
      firstMs :Int64,       # time of its first and last tick
      lastMs :Int64,
      payload :Data)        # at most 4 MiB; format: src/model/batch_codec.cpp
    -> (
      durableSeq :UInt64,   # committed up to and including this batch
      fault :Fault,         # not `none`: this batch is refused for good, the session goes on
      newRun :Bool,         # a clone or a rolled-back agent was noticed: begin a new run
      retryAfterMs :UInt32, # > 0: not stored now, send it again after that
      text :Text);          # a sentence, only where something is wrong
  # Answered after the COMMIT that holds the batch; at most 8 unanswered. Deliberately not `-> stream`,
  # which hides errors and says nothing about durability. Flat, since a live agent sends one a second.

  openRun @2 (run :Data, lastSeq :UInt64) -> (answer :Answer);
  # Another run of the same agent beside this one, with a session and eight unanswered pushes of its own
  # and this connection's layout: what an outage left is drained there while what happens now goes on
  # here. At most 4 beside the first; dropping a session closes it.

  enum Fault { none @0; malformed @1; tooLarge @2; tooManySeries @3; unknownKeyframe @4; }
}

struct SeriesDef {
  name @0 :Text;
  labels @1 :List(Label);   # sorted by key, without `host`
  kind @2 :Kind;
  type @3 :ValueType;
  scale @4 :Int8;           # value = raw / 10^scale
  unit @5 :Text;
  quality @6 :Quality;

  struct Label {
    key @0 :Text;
    value @1 :Text;
  }
  enum Kind { counter @0; gauge @1; }
  enum ValueType { int64 @0; uint64 @1; float64 @2; }
  enum Quality { measured @0; derived @1; estimated @2; }
}

interface AgentControl {
  # All that a server can ever ask of an agent.
  live @0 (on :Bool) -> ();             # flush every tick, or back to the configured flush
  retryAfter @1 (pauseMs :UInt32) -> ();
  closing @2 (text :Text) -> ();        # the server ends this link now, and why
}
