//! The order in which objects are initialised and finalised.

/// Objects, each after those it needs, as far as cycles allow: depth first,
/// from each of `roots`.
pub(crate) fn dependencies_first(
    needs: &[Vec<usize>],
    roots: impl IntoIterator<Item = usize>,
) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = vec![false; needs.len()];
    for root in roots {
        // (member, how many of its needs have been visited); an explicit
        // stack, since chains may be long.
        let mut path = Vec::new();
        if !seen[root] {
            seen[root] = true;
            path.push((root, 0));
        }
        while let Some((member, next)) = path.last_mut() {
            match needs[*member].get(*next) {
                Some(&need) => {
                    *next += 1;
                    if !seen[need] {
                        seen[need] = true;
                        path.push((need, 0));
                    }
                }
                None => {
                    order.push(*member);
                    path.pop();
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::dependencies_first;

    #[test]
    fn dependencies_come_first_and_cycles_end() {
        let order = |needs: &[Vec<usize>]| dependencies_first(needs, (0..needs.len()).rev());
        assert_eq!(order(&[vec![1, 2], vec![3], vec![3], vec![]]), [3, 2, 1, 0]);
        assert_eq!(order(&[vec![1], vec![2], vec![1]]), [1, 2, 0]);
        assert_eq!(order(&[vec![0]]), [0]);
        assert_eq!(order(&[vec![1], vec![0]]), [0, 1]);
    }
}
