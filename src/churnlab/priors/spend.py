"""The Gamma-Gamma model's natural quantities and their priors, which carry no currency.

====================  =============================================  ==========================
natural quantity      meaning                                        theta = (p, q, gamma)
====================  =============================================  ==========================
amount_mean           mean amount per purchase, over customers       gamma = mean * c / p
amount_shape          how even one customer's amounts are:           p
                      their cv is 1 / sqrt(p)
amount_concentration  how alike customers are: the cv of their       q = c + 1
                      own means is 1 / sqrt(c - 1), c > 1
====================  =============================================  ==========================

c / p is the number of purchases after which a customer's own mean weighs as much as everybody's.
q > 1 by construction: below, no customer has an expected amount and no value could be stated.
"""

from churnlab.priors.quantities import Quantity

#: The mean is in units of the customers' geometric mean: a factor of 12 either way (90%); the two
#: shapes lie between .5 and 14. CDNOW has (p, c) = (6, 3).
SPEND_QUANTITIES = (
    Quantity("amount_mean", "positive", False, "LogNormal(mu=0, sigma=1.5)"),
    Quantity("amount_shape", "positive", False, "LogNormal(mu=1, sigma=1)"),
    Quantity("amount_concentration", "positive", False, "LogNormal(mu=1, sigma=1)"),
)
