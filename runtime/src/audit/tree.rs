//! The Merkle tree over a ledger's lines, as RFC 6962 section 2.1 defines it: a leaf is a line, a parent hashes the byte 1
//! and its two children. It grows line by line in the memory of its right edge, so a ledger of any length takes some
//! dozens of hashes.

use sha2::{Digest as _, Sha256};

use super::value::Hash;

/// The tree over all lines so far: the roots of its largest full subtrees, from the left. Their sizes are the powers of two
/// that make up `size`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// From the peaks of a tree of that size. None if their number cannot be that size's.
    pub fn of(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    pub fn push(&mut self, leaf: Hash) {
        self.peaks.push(leaf);
        // One merge for each full subtree that the new leaf completes.
        for _ in 0..self.size.trailing_ones() {
            if let (Some(right), Some(left)) = (self.peaks.pop(), self.peaks.pop()) {
                self.peaks.push(parent(&left, &right));
            }
        }
        self.size += 1;
    }

    /// Of no lines it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Hash::from_bytes(Sha256::digest([]).into()),
            Some(last) => peaks.fold(*last, |right, left| parent(left, &right)),
        }
    }
}

/// Finds the way from one leaf to the root while the tree grows past it.
pub struct Path {
    tree: Tree,
    leaf: u64,
    siblings: Vec<Hash>,
    /// Which peak the leaf is under.
    under: Option<usize>,
}

impl Path {
    /// `tree` has to be smaller than `leaf`, which counts from zero.
    pub fn to(leaf: u64, tree: Tree) -> Option<Self> {
        (tree.size <= leaf).then_some(Self { tree, leaf, siblings: Vec::new(), under: None })
    }

    pub fn push(&mut self, leaf: Hash) {
        let is_it = self.tree.size == self.leaf;
        self.tree.peaks.push(leaf);
        if is_it {
            self.under = Some(self.tree.peaks.len() - 1);
        }
        for _ in 0..self.tree.size.trailing_ones() {
            let (Some(right), Some(left)) = (self.tree.peaks.pop(), self.tree.peaks.pop()) else { continue };
            let at = self.tree.peaks.len();
            if self.under == Some(at) {
                self.siblings.push(right);
            } else if self.under == Some(at + 1) {
                self.siblings.push(left);
                self.under = Some(at);
            }
            self.tree.peaks.push(parent(&left, &right));
        }
        self.tree.size += 1;
    }

    pub fn size(&self) -> u64 {
        self.tree.size
    }

    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The path, from the leaf's sibling up. None while the leaf has not been pushed.
    pub fn finish(mut self) -> Option<Vec<Hash>> {
        let under = self.under?;
        let (left, right) = self.tree.peaks.split_at_checked(under)?;
        let (_, right) = right.split_first()?;
        let mut folded = right.iter().rev();
        if let Some(last) = folded.next() {
            self.siblings.push(folded.fold(*last, |right, left| parent(left, &right)));
        }
        self.siblings.extend(left.iter().rev());
        Some(self.siblings)
    }
}

/// The root of a tree of `size` leaves in which the leaf at `index` has these siblings, by RFC 9162 section 2.1.3.2. None if
/// no such tree has a path of that form.
pub fn root_from(leaf: Hash, index: u64, size: u64, siblings: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut root = leaf;
    for sibling in siblings {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = parent(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = parent(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Hash::from_bytes(
        Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes()).finalize().into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|at| Hash::leaf(&at.to_be_bytes())).collect()
    }

    /// As RFC 6962 writes it down.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::from_bytes(Sha256::digest([]).into()),
            [leaf] => *leaf,
            all => {
                let (left, right) = all.split_at(all.len().next_power_of_two() / 2);
                parent(&by_definition(left), &by_definition(right))
            }
        }
    }

    fn grown(leaves: &[Hash]) -> Tree {
        leaves.iter().fold(Tree::default(), |mut tree, leaf| {
            tree.push(*leaf);
            tree
        })
    }

    /// Published with RFC 6962's test data: eight leaves, and the roots over the first few.
    #[test]
    fn roots_are_those_of_the_published_vectors() {
        let data: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves: Vec<Hash> = data.iter().map(|data| Hash::leaf(data)).collect();
        for (size, root) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(grown(&leaves[..size]).root().to_string(), root, "{size}");
        }
    }

    #[test]
    fn a_tree_that_grows_is_the_tree_by_definition() {
        let leaves = leaves(200);
        for size in 0..=leaves.len() {
            let tree = grown(&leaves[..size]);
            assert_eq!(tree.root(), by_definition(&leaves[..size]), "{size}");
            assert_eq!(Tree::of(tree.size(), tree.peaks().to_vec()), Some(tree));
        }
        assert_eq!(Tree::of(3, vec![Hash::NONE]), None);
    }

    #[test]
    fn every_leaf_of_every_tree_is_proven_and_by_nothing_else() {
        let leaves = leaves(70);
        for size in 1..=leaves.len() {
            let root = by_definition(&leaves[..size]);
            for index in 0..size {
                // Also where the first lines are gone and only their peaks are left.
                for start in [0, index / 2, index] {
                    let mut path = Path::to(index as u64, grown(&leaves[..start])).unwrap();
                    leaves[start..size].iter().for_each(|leaf| path.push(*leaf));
                    let siblings = path.finish().unwrap();
                    let (at, of) = (index as u64, size as u64);
                    assert_eq!(
                        root_from(leaves[index], at, of, &siblings),
                        Some(root),
                        "{index} of {size} from {start}"
                    );
                    assert_ne!(root_from(Hash::leaf(b"another"), at, of, &siblings), Some(root));
                    assert_ne!(root_from(leaves[index], at + 1, of, &siblings), Some(root));
                    assert_eq!(root_from(leaves[index], of, of, &siblings), None);
                    if let Some((_, short)) = siblings.split_last() {
                        assert_ne!(root_from(leaves[index], at, of, short), Some(root));
                    }
                    let long = [siblings, vec![Hash::NONE]].concat();
                    assert_ne!(root_from(leaves[index], at, of, &long), Some(root));
                }
            }
        }
        assert!(Path::to(3, grown(&leaves[..4])).is_none());
    }
}
