"""The slow motion at the weight decay that a net has, rather than in the limit λ → 0."""
