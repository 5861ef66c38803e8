from ._lookup import IntegerLookup as IntegerLookup
from ._lookup import StringLookup as StringLookup
from ._vectorization import TextVectorization as TextVectorization
