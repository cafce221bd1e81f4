;; What the proposal's own tests leave out: references in globals, tables and
;; calls, throws from one memory's code into another's, both encodings at once.

(module $thrower
  (memory 1)
  (data (i32.const 0) "\01")
  (tag (export "i") (param i32))
  (tag $mine)
  (func (export "throw") (param i32) (throw 0 (i32.add (local.get 0) (i32.load8_u (i32.const 0)))))
  (func (export "throw-mine") (throw $mine))
  (func (export "call-back") (param funcref) (table.set 0 (i32.const 0) (local.get 0)) (call_indirect (i32.const 0)))
  (table 1 funcref)
)
(register "thrower")

(module
  (import "thrower" "i" (tag $i (param i32)))
  (import "thrower" "throw" (func $throw (param i32)))
  (import "thrower" "throw-mine" (func $throw_mine))
  (import "thrower" "call-back" (func $call_back (param funcref)))
  (memory 1)
  (data (i32.const 0) "\64")
  (tag $e)
  (tag $r (param exnref))
  (global $kept (mut exnref) (ref.null exn))
  (table $t 4 exnref)
  (elem declare func $thrower)

  (func $caught (param i32) (result exnref)
    (block $h (result i32 exnref)
      (try_table (catch_ref $i $h) (call $throw (local.get 0)))
      (unreachable))
    (global.set $kept)
    (drop)
    (global.get $kept))

  (func $value (param exnref) (result i32)
    (block $h (result i32)
      (try_table (catch $i $h) (throw_ref (local.get 0)))
      (unreachable)))

  ;; The same exception again and again; others meanwhile are others.
  (func (export "keep") (result i32)
    (table.set $t (i32.const 1) (call $caught (i32.const 10)))
    (table.set $t (i32.const 2) (call $caught (i32.const 20)))
    (i32.add (call $value (table.get $t (i32.const 1))) (call $value (table.get $t (i32.const 1))))
    (i32.add (call $value (table.get $t (i32.const 2))))
    (i32.add (call $value (global.get $kept))))

  (func (export "nulls") (result i32)
    (i32.add (ref.is_null (table.get $t (i32.const 3))) (ref.is_null (call $caught (i32.const 0)))))

  (func (export "throw-null") (throw_ref (table.get $t (i32.const 3))))

  (func (export "inside") (result i32)
    (block $h (result exnref)
      (try_table (catch $r $h) (throw $r (call $caught (i32.const 30))))
      (unreachable))
    (call $value))

  ;; A tag that has no name here, by catch_all_ref and back.
  (func (export "pass-on")
    (block $h (result exnref)
      (try_table (catch_all_ref $h) (call $throw_mine))
      (unreachable))
    (throw_ref))

  (func (export "mixed") (result i32)
    try (result i32)
        (block $h
          (try_table (catch $e $h) (call $throw (i32.const 40)))
          (unreachable))
        (i32.const -1)
      catch $i
        (drop)
        (block $h (result exnref)
          (try_table (catch_all_ref $h) (rethrow 2))
          (unreachable))
        (call $value) end)

  (func (export "into-loop") (param i32) (result i32)
    (local $n i32)
    (i32.const 0)
    (loop $again (param i32)
      (local.set $n (i32.add (local.get $n)))
      (if (i32.lt_u (local.get $n) (i32.const 1000))
        (then (try_table (catch $i $again) (call $throw (local.get 0))))))
    (local.get $n))

  ;; After a throw from another domain, this one's memory is the one read.
  (func (export "memory") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $i $h) (call $throw (local.get 0)))
      (unreachable))
    (i32.add (i32.load8_u (i32.const 0))))

  (func $thrower (call $throw (i32.const 5)))
  ;; Here, there, here, there, and back at once.
  (func (export "back-and-forth") (result i32)
    (block $h (result i32)
      (try_table (catch $i $h) (call $call_back (ref.func $thrower)))
      (unreachable))
    (i32.add (i32.load8_u (i32.const 0))))
)

(assert_return (invoke "memory" (i32.const 3)) (i32.const 104))
(assert_return (invoke "back-and-forth") (i32.const 106))
(assert_return (invoke "keep") (i32.const 64))
(assert_return (invoke "nulls") (i32.const 1))
(assert_trap (invoke "throw-null") "null exception reference")
(assert_return (invoke "inside") (i32.const 31))
(assert_exception (invoke "pass-on"))
(assert_return (invoke "mixed") (i32.const 41))
(assert_return (invoke "into-loop" (i32.const 9)) (i32.const 1000))

(module
  (import "env" "__cpp_exception" (tag $cpp (param i32)))
  (import "env" "__c_longjmp" (tag $jump (param i32)))
  (func (export "tell") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $cpp $h)
        (block $j (result i32)
          (try_table (catch $jump $j)
            (if (local.get 0) (then (throw $cpp (i32.const 1))))
            (throw $jump (i32.const 2)))
          (unreachable))
        (return))
      (unreachable)))
)
(assert_return (invoke "tell" (i32.const 1)) (i32.const 1))
(assert_return (invoke "tell" (i32.const 0)) (i32.const 2))
(assert_unlinkable
  (module (import "env" "__cpp_exception" (tag (param i64))))
  "incompatible import type")
(assert_unlinkable
  (module (import "thrower" "i" (tag (param i64))))
  "incompatible import type")
(assert_unlinkable
  (module (import "thrower" "throw" (tag (param i32))))
  "incompatible import type")
(assert_unlinkable
  (module (import "env" "__another" (tag (param i32))))
  "unknown import")

;; A call through a reference is a call in a try too.
(module
  (tag $e (param i32))
  (type $f (func (param i32)))
  (elem declare func $throw)
  (func $throw (type $f) (throw $e (local.get 0)))
  (func $apply (param (ref null $f) i32) (result i32)
    (block $h (result i32)
      (try_table (catch $e $h) (call_ref $f (local.get 1) (local.get 0)))
      (unreachable)))
  (func (export "by-reference") (result i32) (call $apply (ref.func $throw) (i32.const 12)))
  (func (export "keep-it") (result i32)
    (local $x (ref null exn))
    (block $h (result i32 (ref exn))
      (try_table (catch_ref $e $h) (throw $e (i32.const 13)))
      (unreachable))
    (local.set $x)
    (drop)
    (block $again (result i32)
      (try_table (catch $e $again) (throw_ref (local.get $x)))
      (unreachable)))
)
(assert_return (invoke "by-reference") (i32.const 12))
(assert_return (invoke "keep-it") (i32.const 13))
