;; The older encoding of exceptions, which no suite of the specification has:
;; try, catch, catch_all, rethrow, delegate.

(module $tags
  (tag (export "i") (param i32))
  (tag (export "other") (param i32))
  (func (export "throw") (param i32) (throw 0 (local.get 0)))
  (func (export "throw-other") (param i32) (throw 1 (local.get 0)))
)
(register "tags")

(module
  (import "tags" "i" (tag $i (param i32)))
  (import "tags" "throw" (func $throw (param i32)))
  (import "tags" "throw-other" (func $throw_other (param i32)))
  (tag $empty)
  (tag $own (param i32))
  (tag $all (param i32 i64 f32 f64 v128 externref))
  (type $ii (func (param i32) (result i32)))
  (table funcref (elem $choose $id))

  ;; 0: returns, 1: $i, 2: a tag that this module cannot name, 3: $empty, 4: $own
  (func $choose (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (call $throw (i32.const 11))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (call $throw_other (i32.const 22))))
    (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $empty)))
    (if (i32.eq (local.get 0) (i32.const 4)) (then (throw $own (i32.const 44))))
    (i32.const 5))
  (func $id (param i32) (result i32) (local.get 0))

  (func (export "catch") (param i32) (result i32)
    try (result i32)
       (call $choose (local.get 0))
      catch $i
      catch $empty (i32.const 30)
      catch $own (i32.add (i32.const 100))
      catch_all (i32.const -1) end)

  (func (export "some") (param i32) (result i32)
    try (result i32)
       (call $choose (local.get 0))
      catch $i (drop) (i32.const 1000) end)

  (func (export "indirect") (param i32 i32) (result i32)
    try (result i32)
       (call_indirect (type $ii) (local.get 0) (local.get 1))
      catch $i
      catch_all (i32.const -2) end)

  ;; The operand stack below, and locals as they were at the throw.
  (func (export "around") (param i32) (result i32)
    (local $n i32)
    (i32.const 10000)
    (local.set $n (i32.const 1))
    try (result i32)
        (local.set $n (i32.const 2))
        (drop (call $id (i32.const 0)))
        (local.set $n (i32.const 3))
        (drop (call $choose (local.get 0)))
        (local.set $n (i32.const 4))
        (drop (call $choose (i32.const 3)))
        (i32.const 0)
      catch_all (local.get $n) end
    (i32.add))

  (func (export "values") (result i32)
    (local $i i32) (local $j i64) (local $f f32) (local $d f64) (local $v v128) (local $r externref)
    try
       (throw $all (i32.const 1) (i64.const 0x200000003) (f32.const 4) (f64.const 5)
            (v128.const i32x4 6 7 8 9) (ref.null extern))
      catch $all
        (local.set $r) (local.set $v) (local.set $d) (local.set $f) (local.set $j) (local.set $i) end
    (local.get $i)
    (i32.add (i32.wrap_i64 (i64.shr_u (local.get $j) (i64.const 32))))
    (i32.add (i32.wrap_i64 (local.get $j)))
    (i32.add (i32.trunc_f32_s (local.get $f)))
    (i32.add (i32.trunc_f64_s (local.get $d)))
    (i32.add (i32x4.extract_lane 0 (local.get $v)))
    (i32.add (i32x4.extract_lane 3 (local.get $v)))
    (i32.add (ref.is_null (local.get $r))))

  ;; Throws again from within, and from within an inner handler.
  (func (export "rethrow") (param i32) (result i32)
    try (result i32)
        try (result i32)
           (call $choose (local.get 0))
          catch $i (drop) (rethrow 0)
          catch_all
            try  (throw $empty) catch $empty (rethrow 1) end
            (i32.const -3) end
      catch $i (i32.add (i32.const 1))
      catch $own (i32.add (i32.const 2))
      catch_all (i32.const 7) end)

  (func (export "rethrow-twice") (result i32)
    (local $n i32)
    try (result i32)
        try (result i32)
           (throw $own (i32.const 5))
          catch $own
            (drop)
            (loop $again
              try
                 (rethrow 2)
                catch $own (local.set $n (i32.add (local.get $n))) (br_if $again (i32.lt_u (local.get $n) (i32.const 15))) end)
            (rethrow 0) end
      catch $own (i32.add (local.get $n)) end)

  (func (export "rethrow-out") (param i32)
    try
       (drop (call $choose (local.get 0)))
      catch_all (rethrow 0) end)

  ;; Not the handlers in between.
  (func (export "delegate") (param i32) (result i32)
    try $outer (result i32)
        try (result i32)
            try (result i32)
               (call $choose (local.get 0))
              delegate $outer
          catch_all (i32.const -4) end
      catch $i
      catch_all (i32.const 8) end)

  (func (export "delegate-out") (param i32) (result i32)
    try (result i32)
        try (result i32)
           (call $choose (local.get 0))
          delegate 1
      catch_all (i32.const -5) end)

  ;; A label that is no try's: what is around it catches.
  (func (export "delegate-block") (param i32) (result i32)
    try (result i32)
        (block $b (result i32)
          try (result i32)
              try (result i32)
                 (call $choose (local.get 0))
                delegate $b
            catch_all (i32.const -6) end)
      catch_all (i32.const 9) end)

  ;; What a handler throws is not for the other handlers of its try.
  (func (export "from-handler") (result i32)
    try (result i32)
        try (result i32)
           (throw $empty)
          catch $empty (throw $own (i32.const 3))
          catch $own
          catch_all (i32.const -7) end
      catch $own (i32.add (i32.const 30)) end)

  (func (export "loop") (param i32) (result i32)
    (local $sum i32)
    (loop $next
      try
          (throw $own (local.get 0))
        catch $own (local.set $sum (i32.add (local.get $sum))) end
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum))

  (func (export "leave") (param i32) (result i32)
    try  (drop (call $id (i32.const 0))) (return (local.get 0)) catch_all end
    (i32.const -8))

  (func (export "branch") (param i32) (result i32)
    (block $b
      try  (drop (call $choose (local.get 0))) (br $b) catch_all (return (i32.const 1)) end)
    (i32.const 2))

  (func (export "nothing-throws") (result i32)
    try (result i32)  (i32.const 1) catch $own catch_all (i32.const 2) end)

  (func (export "no-clauses") (param i32) (result i32)
    try (result i32)  (call $choose (local.get 0)) end)

  (func (export "not-reached") (result i32)
    (return (i32.const 6))
    try  try  (throw $empty) delegate 0 catch $own (drop) catch_all (rethrow 0) end
    try  (unreachable) catch_all end
    (i32.const 7))

  (func $deep (param i32)
    (if (local.get 0)
      (then try  (call $deep (i32.sub (local.get 0) (i32.const 1))) catch $empty end)
      (else (throw $own (i32.const 9)))))
  (func (export "deep") (param i32) (result i32)
    try (result i32)  (call $deep (local.get 0)) (i32.const 0) catch $own end)

  (func (export "trap") (result i32)
    try (result i32)  (unreachable) catch_all (i32.const 1) end)
  (func $divide (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "trap-below") (result i32)
    try (result i32)  (call $divide (i32.const 0)) catch_all (i32.const 1) end)
)

(assert_return (invoke "catch" (i32.const 0)) (i32.const 5))
(assert_return (invoke "catch" (i32.const 1)) (i32.const 11))
(assert_return (invoke "catch" (i32.const 2)) (i32.const -1))
(assert_return (invoke "catch" (i32.const 3)) (i32.const 30))
(assert_return (invoke "catch" (i32.const 4)) (i32.const 144))
(assert_return (invoke "some" (i32.const 0)) (i32.const 5))
(assert_return (invoke "some" (i32.const 1)) (i32.const 1000))
(assert_exception (invoke "some" (i32.const 2)))
(assert_exception (invoke "some" (i32.const 3)))
(assert_return (invoke "some" (i32.const 1)) (i32.const 1000))
(assert_return (invoke "indirect" (i32.const 0) (i32.const 0)) (i32.const 5))
(assert_return (invoke "indirect" (i32.const 1) (i32.const 0)) (i32.const 11))
(assert_return (invoke "indirect" (i32.const 4) (i32.const 0)) (i32.const -2))
(assert_return (invoke "indirect" (i32.const 4) (i32.const 1)) (i32.const 4))
(assert_trap (invoke "indirect" (i32.const 4) (i32.const 2)) "undefined element")
(assert_return (invoke "around" (i32.const 1)) (i32.const 10003))
(assert_return (invoke "around" (i32.const 0)) (i32.const 10004))
(assert_return (invoke "values") (i32.const 31))
(assert_return (invoke "rethrow" (i32.const 0)) (i32.const 5))
(assert_return (invoke "rethrow" (i32.const 1)) (i32.const 12))
(assert_return (invoke "rethrow" (i32.const 2)) (i32.const 7))
(assert_return (invoke "rethrow" (i32.const 4)) (i32.const 46))
(assert_return (invoke "rethrow-twice") (i32.const 20))
(assert_exception (invoke "rethrow-out" (i32.const 1)))
(assert_exception (invoke "rethrow-out" (i32.const 4)))
(assert_return (invoke "delegate" (i32.const 0)) (i32.const 5))
(assert_return (invoke "delegate" (i32.const 1)) (i32.const 11))
(assert_return (invoke "delegate" (i32.const 2)) (i32.const 8))
(assert_return (invoke "delegate-out" (i32.const 0)) (i32.const 5))
(assert_exception (invoke "delegate-out" (i32.const 1)))
(assert_return (invoke "delegate-block" (i32.const 0)) (i32.const 5))
(assert_return (invoke "delegate-block" (i32.const 3)) (i32.const 9))
(assert_return (invoke "from-handler") (i32.const 33))
(assert_return (invoke "loop" (i32.const 1000)) (i32.const 500500))
(assert_return (invoke "leave" (i32.const 3)) (i32.const 3))
(assert_return (invoke "branch" (i32.const 0)) (i32.const 2))
(assert_return (invoke "branch" (i32.const 1)) (i32.const 1))
(assert_return (invoke "nothing-throws") (i32.const 1))
(assert_return (invoke "no-clauses" (i32.const 0)) (i32.const 5))
(assert_exception (invoke "no-clauses" (i32.const 1)))
(assert_return (invoke "not-reached") (i32.const 6))
(assert_return (invoke "deep" (i32.const 500)) (i32.const 9))
(assert_trap (invoke "trap") "unreachable")
(assert_trap (invoke "trap-below") "integer divide by zero")

(assert_invalid (module (func (rethrow 0))) "rethrow")
(assert_invalid (module (func try  catch_all catch_all end)) "catch_all")
